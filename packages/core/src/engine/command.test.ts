import { describe, expect, it } from 'vitest'
import { runEngineCommand } from './command'

const run = async (...args: string[]) => {
  let [out, error] = ['', '']
  const code = await runEngineCommand(args, {
    out: (text) => {
      out += text
    },
    error: (text) => {
      error += text
    },
    program: '/nowhere',
  })
  return { code, out, error }
}

describe('babble-engine', () => {
  it.each([[['--help']], [['-h']], [['help']], [['build', '--help']]])(
    'explains itself with examples: %j',
    async (args) => {
      const { code, out, error } = await run(...args)
      expect({ code, error }).toEqual({ code: 0, error: '' })
      expect(out).toMatch(/Examples\n {2}npx babble-engine build tfjs-node\n/)
    },
  )

  it.each([
    [[], 'What shall be done'],
    [['fly'], "no command 'fly'"],
    [['build'], 'build takes one thing to build, tfjs-node'],
    [['build', 'torch'], "not 'torch'"],
    [['build', 'tfjs-node', 'tfjs-node'], 'build takes one thing'],
    [['build', 'tfjs-node', '--fast'], "Unknown option '--fast'"],
    [['build', 'tfjs-node', '--cache'], '--cache'],
    [['build', 'tfjs-node', '--json'], '--json does not go with build'],
    [['doctor', '--gpu'], '--gpu does not go with doctor'],
    [['doctor', 'xla'], "doctor takes no 'xla'"],
    [['doctor', '--engine', 'torch'], '--engine is one of xla, tfjs-node-gpu, tfjs-node, wasm, cpu'],
    [['doctor', '--seconds', 'ten'], '--seconds is a number'],
    [['doctor', '--seconds', '-1'], '--seconds'],
  ])('answers wrong usage %j with exit code 2', async (args, message) => {
    const { code, out, error } = await run(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(error).toContain(message)
    expect(error).toContain('See babble-engine --help')
  })

  it('fails with exit code 1 and one message when nothing can be built', async () => {
    const { code, out, error } = await run('build', 'tfjs-node', '--python', '/nowhere/python', '--cache', '/proc/none')
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toMatch(/^babble-engine: [\s\S]+\n$/)
  })

  it('fails with exit code 1 when no engine works', async () => {
    const { code, out } = await run('doctor', '--engine', 'wasm', '--seconds', '0')
    expect(code).toBe(1)
    expect(out).toMatch(/wasm +crashed[\s\S]*No engine works/)
  })
})
