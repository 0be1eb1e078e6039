import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runCommand } from './command'
import { isPresent } from './hardware'
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
    [['where', '--device', 'abacus'], "--device is auto, cuda, rocm, tpu, oneapi, metal, cpu, not 'abacus'"],
    [['where', '--json'], '--json does not go with where'],
    [['install', 'cpu', '--no-speed'], '--no-speed does not go with install'],
    [['doctor', 'cpu'], "doctor takes no 'cpu'"],
    [['doctor', '--python', 'x'], '--python does not go with doctor'],
  ])('answers wrong usage %j with exit code 2', async (args, message) => {
    const { code, out, error } = await run(...args)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(error).toContain(message)
  })

  it('fails with one sentence when a plugin cannot be installed', async () => {
    const { code, error } = await run('install', 'cuda')
    expect(code).toBe(1)
    expect(error).toMatch(/^tfjs-xla: There is no plugin 'cuda';.* cuda13 .*\n$/)
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

  it('shows plugins for devices that are not here apart from those that are tried', async () => {
    const record = { kind: 'rocm', name: 'x', version: '1.0', sha256: '', library: 'x.so', bytes: 1 }
    sandbox.write('.cache/babble/pjrt/x-1.0/plugin.json', JSON.stringify(record))
    const path = sandbox.write('.cache/babble/pjrt/x-1.0/x.so', '.')
    const cpu = { ...record, kind: 'cpu', version: '2.0' }
    sandbox.write('.cache/babble/pjrt/x-2.0/plugin.json', JSON.stringify(cpu))
    const used = sandbox.write('.cache/babble/pjrt/x-2.0/x.so', '.')
    const { code, out } = await run('where')
    expect(code).toBe(0)
    expect(out).toBe(
      isPresent('rocm')
        ? `used   ${path} (rocm, 1.0, installed)\nalso   ${used} (cpu, 2.0, installed)\n`
        : `used   ${used} (cpu, 2.0, installed)\nno device ${path} (rocm, 1.0, installed)\n`,
    )
  })

  it('diagnoses a machine without plugins: not usable, and what to install', async () => {
    const { code, out } = await run('doctor', '--no-speed')
    expect(code).toBe(1)
    expect(out).toMatch(/^There is no plugin: the xla backend cannot run\./)
    expect(out).toMatch(/Next\n {2}- Install one with `npx tfjs-xla install|Next\n {2}- There is/)
  })

  it('prints a diagnosis as JSON for scripts, of a file that is no plugin', async () => {
    process.env.BABBLE_PJRT_PLUGIN = sandbox.write('some_cpu.so', 'no library at all')
    const { code, out } = await run('doctor', '--json', '--no-speed')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      usable: false,
      plugins: [
        { path: sandbox.path('some_cpu.so'), status: 'unusable', error: expect.stringMatching(/damaged/), devices: [] },
      ],
    })
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
