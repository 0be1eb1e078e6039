// The command as a program of its own, and packages that it has never heard of.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from './testing/run-command'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A package as someone else would write it: its own name, its own model, its own command. */
const someonesPlugin = `
export const plugin = {
  name: 'parrot',
  title: 'Parrot',
  paper: { title: 'Repeating after me', authors: 'Polly 2026', url: 'https://example.org/parrot' },
  sizes: { tiny: 'a budgie' },
  modelTypes: ['parrot'],
  commands: [
    {
      name: 'say',
      summary: 'Say something',
      options: [{ flags: '--words <text>', description: 'what to say', required: true }],
      examples: ['babble parrot say --words hello'],
      run: async ({ words }, { note, signal }) => {
        note('thinking')
        if (words === 'forever') {
          await new Promise((resolve) => {
            const timer = setInterval(() => {}, 1000)
            signal.addEventListener('abort', () => resolve(clearInterval(timer)))
          })
        }
        if (words === 'bug') throw new TypeError('beak is undefined')
        return { text: words + '!\\n', json: { said: words } }
      },
    },
  ],
}
`

let project: string
beforeAll(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'babble-project-')))
  const folder = join(project, 'node_modules/@someone/parrot')
  mkdirSync(folder, { recursive: true })
  const manifest = { name: '@someone/parrot', version: '3.1.4', type: 'module', babble: { plugin: './plugin.js' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'plugin.js'), someonesPlugin)
})
afterAll(() => rmSync(project, { recursive: true, force: true }))

describe("someone's package in the project", () => {
  const babble = (line: string) => runCommand(line.split(' '), { cwd: project, plugins: 'installed' })

  it('is found, and has its commands', async () => {
    const { out } = await babble('models --json')
    const { models } = JSON.parse(out) as { models: { name: string }[] }
    expect(models.find(({ name }) => name === 'parrot')).toEqual({
      name: 'parrot',
      title: 'Parrot',
      paper: { title: 'Repeating after me', authors: 'Polly 2026', url: 'https://example.org/parrot' },
      sizes: { tiny: 'a budgie' },
      pretrain: false,
      finetune: false,
      transcribe: false,
      features: false,
      commands: ['say'],
      package: '@someone/parrot',
      version: '3.1.4',
      directory: join(project, 'node_modules/@someone/parrot'),
    })
    expect(await babble('parrot say --words hello')).toEqual({ code: 0, out: 'hello!\n', err: 'thinking\n' })
    expect(await babble('parrot say --words hello --quiet --json')).toEqual({
      code: 0,
      out: '{\n  "said": "hello"\n}\n',
      err: '',
    })
  })

  it('is told what it cannot do', async () => {
    expect((await babble('pretrain parrot --data x')).err).toBe(
      'babble: Parrot has no pretrain. Choose another model.\n',
    )
    mkdirSync(join(project, 'model'), { recursive: true })
    writeFileSync(join(project, 'model/config.json'), '{"model_type":"parrot"}')
    expect((await babble('transcribe a.wav --model model')).err).toBe(
      'babble: model: Parrot does not transcribe. Name another model.\n',
    )
    writeFileSync(join(project, 'model/config.json'), '{"model_type":"cockatoo"}')
    expect((await babble('transcribe a.wav --model model')).err).toContain(
      'no installed package reads model_type "cockatoo". Installed: ',
    )
  })

  it('cannot crash the command: a bug is one line, and its place is told on demand', async () => {
    const { code, err } = await babble('parrot say --words bug --quiet')
    expect({ code, err }).toEqual({
      code: 1,
      err: 'babble: TypeError: beak is undefined\nAdd --verbose to see where.\n',
    })
    expect((await babble('parrot say --words bug --quiet --verbose')).err).toMatch(
      /TypeError: beak[\s\S]*parrot\/plugin\.js/,
    )
  })
})

describe('the program', () => {
  let directory: string
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'babble-program-'))
    await build({
      config: false,
      entry: { babble: fileURLToPath(new URL('./babble.ts', import.meta.url)) },
      outDir: join(directory, 'dist'),
      format: 'esm',
      target: 'node22',
      tsconfig: join(root, 'tsconfig.json'),
      // TensorFlow.js's gradients are published as modules that only a bundler resolves; all other packages stay outside.
      noExternal: [/^@tensorflow\/tfjs-core\/dist/],
      external: [/^(?!@babble|@tensorflow\/tfjs-core\/dist)[@\w]/],
      esbuildOptions: (options) => {
        options.ignoreAnnotations = true
      },
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)",
      },
      silent: true,
    })
    cpSync(fileURLToPath(new URL('../package.json', import.meta.url)), join(directory, 'package.json'))
    // All but our own packages, which are in the bundle: those there would bring a second core.
    mkdirSync(join(directory, 'node_modules'))
    for (const name of readdirSync(join(root, 'node_modules')).filter((name) => name !== '@babble')) {
      symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name))
    }
  }, 60_000)
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  /** Runs the program; `meanwhile` is told what it writes to standard error. */
  const program = (args: string[], meanwhile?: (text: string, kill: (signal: NodeJS.Signals) => void) => void) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const child = spawn(process.execPath, [join(directory, 'dist/babble.js'), ...args], { cwd: project })
      let [out, err] = ['', '']
      child.stdout.on('data', (data) => {
        out += String(data)
      })
      child.stderr.on('data', (data) => {
        err += String(data)
        meanwhile?.(String(data), (signal) => child.kill(signal))
      })
      child.on('close', (code) => resolve({ code, out, err }))
    })

  it('says its version and how it is used', async () => {
    expect(await program(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      err: '',
    })
    const { code, out } = await program(['--help'])
    expect(code).toBe(0)
    for (const command of ['prepare', 'pretrain', 'finetune', 'transcribe', 'evaluate', 'engine', 'parrot']) {
      expect(out).toContain(`\n  ${command} `)
    }
    expect((await program([])).code).toBe(2)
    expect(await program(['pretrian'])).toMatchObject({
      code: 2,
      err: "babble: unknown command 'pretrian'\n(Did you mean pretrain?)\n",
    })
  })

  it('ends with 130 or 143 when it is interrupted', async () => {
    for (const [signal, expected] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { code, err } = await program(['parrot', 'say', '--words', 'forever'], (text, kill) => {
        if (text.includes('thinking')) kill(signal)
      })
      expect(code).toBe(expected)
      expect(err).toContain(`${signal}: finishing and saving (once more to stop at once).`)
    }
  })
})
