import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runCommand } from './command'
import { sourceLoader } from './source-loader'
import { Sandbox } from './testing'

describe('tfjs-xla', () => {
  const sandbox = new Sandbox()

  async function run(...args: string[]) {
    let [out, error] = ['', '']
    const code = await runCommand(args, {
      out: (text) => {
        out += text
      },
      error: (text) => {
        error += text
      },
    })
    return { code, out, error }
  }

  it.each([['--help'], ['-h'], ['help'], ['install', '--help']])(
    'explains itself with examples: %s %s',
    async (...args) => {
      const { code, out } = await run(...args.filter((arg) => arg !== undefined))
      expect(code).toBe(0)
      expect(out).toMatch(/Examples\n {2}npx tfjs-xla install cpu/)
    },
  )

  it.each([
    [[], 'What shall be done'],
    [['fly'], "no command 'fly'"],
    [['install'], 'install takes one plugin: cpu'],
    [['install', 'cpu', 'cuda'], 'install takes one plugin'],
    [['install', 'cpu', '--fast'], 'no option --fast'],
    [['install', 'cpu', '--cache'], '--cache needs a value'],
    [['install', '--cache', '--python', 'x', 'cpu'], '--cache needs a value'],
    [['install', 'cpu', '--device', 'cpu'], '--device does not go with install'],
    [['where', 'cpu'], "where takes no 'cpu'"],
    [['where', '--device', 'tpu'], "--device is auto, cpu or cuda, not 'tpu'"],
  ])('answers wrong usage %j with exit code 2', async (args, message) => {
    const { code, out, error } = await run(...args)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(error).toContain(message)
  })

  it('fails with one sentence when a plugin cannot be installed', async () => {
    const { code, error } = await run('install', 'rocm7')
    expect(code).toBe(1)
    expect(error).toMatch(/^tfjs-xla: Installing 'rocm7' is not built yet;.*\n$/)
  })

  it('tells where it looked when there is no plugin', async () => {
    const { code, out, error } = await run('where', '--cache', sandbox.path('nothing'))
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(error).toContain(sandbox.path('nothing'))
  })

  it('shows the plugin used, its kind and where it comes from', async () => {
    process.env.BABBLE_PJRT_PLUGIN = sandbox.write('some_cpu.so', '')
    const { code, out } = await run('where', '--device=cpu')
    expect(code).toBe(0)
    expect(out).toBe(`used   ${sandbox.path('some_cpu.so')} (cpu, BABBLE_PJRT_PLUGIN)\n`)
  })

  it('reports a named plugin that is not there', async () => {
    process.env.BABBLE_PJRT_PLUGIN = '/nowhere.so'
    expect(await run('where')).toMatchObject({ code: 1, error: expect.stringContaining('/nowhere.so') })
  })

  it('is a program that hands its exit code to the shell', () => {
    const cli = fileURLToPath(new URL('../cli.ts', import.meta.url))
    const start = (...args: string[]) =>
      spawnSync(process.execPath, [...sourceLoader, cli, ...args], { encoding: 'utf8' })
    expect(start('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage'), stderr: '' })
    expect(start('fly')).toMatchObject({ status: 2, stdout: '' })
  })
})
