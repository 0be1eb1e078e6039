import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { enginesUnderTest } from '@babble/core/testing'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRunLog } from './run-log'

const STEPS = 60
const script = fileURLToPath(new URL('./toy-run.fixture.ts', import.meta.url))
const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** One file of the script and all of Babble that it needs, so that a process starts quickly. */
const bundleScript = async (directory: string): Promise<void> => {
  await build({
    config: false,
    entry: { run: script },
    outDir: directory,
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    target: 'node22',
    tsconfig: join(root, 'tsconfig.json'),
    // TensorFlow.js's gradients are published as modules that only a bundler resolves; all other packages stay outside.
    noExternal: [/^@tensorflow\/tfjs-core\/dist/],
    external: [/^(?!@babble|@tensorflow\/tfjs-core\/dist)[@\w]/],
    // The packages' lists of modules with side effects speak of built files, and here are sources.
    esbuildOptions: (options) => {
      options.ignoreAnnotations = true
    },
    // The gradients come with a copy of TensorFlow.js's platform code, which wants CommonJS.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)",
    },
    silent: true,
  })
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'))
}

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Everything that a run leaves behind, without its timings. */
const outcome = (runDirectory: string) => ({
  model: digest(join(runDirectory, `checkpoint-${STEPS}`, 'model.safetensors')),
  optimizer: digest(join(runDirectory, `checkpoint-${STEPS}`, 'optimizer.safetensors')),
  log: readRunLog(runDirectory).map((record) => {
    if (record.kind === 'warning') return record
    const { stepsPerSecond: _s, audioSecondsPerSecond: _a, dataWaitShare: _d, ...metrics } = record.metrics
    return { kind: record.kind, step: record.step, epoch: record.epoch, metrics }
  }),
})

describe.each(enginesUnderTest())('runs in processes that end before their time, on %s', (engine) => {
  let directory: string
  let uninterrupted: ReturnType<typeof outcome>
  /** Milliseconds from the first step to the end of an uninterrupted run. */
  let duration: number

  /** Starts a run; `meanwhile` may end it once its first step is done. */
  const run = async (runDirectory: string, meanwhile?: (child: ChildProcess) => Promise<void>) => {
    const args = [join(directory, 'run.mjs'), engine, runDirectory, String(STEPS)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stderr.on('data', (data) => (errors += String(data)))
    const stepped = new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => {
        output += String(data)
        if (output.includes('step ')) resolve()
      })
      child.on('close', () => resolve())
    })
    const closed = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }))
    })
    if (meanwhile) {
      await stepped
      await meanwhile(child)
    }
    const { code, signal } = await closed
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the run failed (${code}, ${signal}): ${errors}`)
    return { output, signal }
  }

  const partials = (runDirectory: string) => readdirSync(runDirectory).filter((name) => name.endsWith('.partial'))

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-resume-'))
    await bundleScript(directory)
    const runDirectory = join(directory, 'uninterrupted')
    let start = 0
    const { output } = await run(runDirectory, async () => {
      start = performance.now()
    })
    duration = performance.now() - start
    expect(output).toContain(`completed at ${STEPS}`)
    uninterrupted = outcome(runDirectory)
  }, 120_000)
  afterAll(() => rm(directory, { recursive: true }))

  it('killed at random moments, ends with the same bits and the same log', async () => {
    const runDirectory = join(directory, 'random')
    let killed = 0
    for (let attempt = 0; attempt < 3; attempt++) {
      const { signal } = await run(runDirectory, async (child) => {
        await new Promise((resolve) => setTimeout(resolve, 0.5 * duration * Math.random()))
        child.kill('SIGKILL')
      })
      if (signal === 'SIGKILL') killed++
    }
    expect(killed).toBeGreaterThan(0)
    await run(runDirectory)
    expect(outcome(runDirectory)).toEqual(uninterrupted)
  })

  it('killed while a checkpoint is being written, goes on from the one before', async () => {
    const runDirectory = join(directory, 'writing')
    await mkdir(runDirectory)
    let caught = 0
    for (let attempt = 0; attempt < 8 && caught < 2; attempt++) {
      const { signal } = await run(runDirectory, async (child) => {
        const watcher = watch(runDirectory, (_event, name) => {
          if (name?.startsWith('.checkpoint-') && name.endsWith('.partial')) child.kill('SIGKILL')
        })
        await new Promise((resolve) => child.on('close', resolve))
        watcher.close()
      })
      if (signal === 'SIGKILL' && partials(runDirectory).some((name) => name.startsWith('.checkpoint-'))) caught++
    }
    expect(caught).toBeGreaterThan(0)
    await run(runDirectory)
    expect(partials(runDirectory)).toEqual([])
    expect(outcome(runDirectory)).toEqual(uninterrupted)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('on %s finishes the step, saves, and says how to go on', async (signal) => {
    const runDirectory = join(directory, signal)
    const { output } = await run(runDirectory, async (child) => {
      child.kill(signal)
    })
    const step = Number(/interrupted at (\d+)/.exec(output)?.[1])
    expect(step).toBeGreaterThan(0)
    expect(step).toBeLessThan(STEPS)
    expect(output).toContain(
      `Saved in ${join(runDirectory, `checkpoint-${step}`)}. Run the same command again to resume.`,
    )
    expect(existsSync(join(runDirectory, `checkpoint-${step}`, 'COMMIT'))).toBe(true)
    expect((await run(runDirectory)).output).toContain(`(step ${step}, epoch`)
    expect(outcome(runDirectory)).toEqual(uninterrupted)
  })
})
