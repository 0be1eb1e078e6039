import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { enginesUnderTest } from '@babble/core/testing'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findCheckpoints, type TrainerState } from './checkpoint'
import { readRunLog } from './run-log'

/** Two epochs of 7 batches are done after 14; enough that 20 kills do not reach the end. */
const STEPS = 100
const KILLS = 20
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
const outcome = (runDirectory: string) => {
  const last = join(runDirectory, `checkpoint-${STEPS}`)
  const {
    seconds: _,
    window: __,
    ...state
  } = JSON.parse(readFileSync(join(last, 'trainer.json'), 'utf8')) as TrainerState
  return {
    folders: readdirSync(runDirectory).sort(),
    files: Object.fromEntries(
      ['model', 'optimizer', 'average'].map((name) => [name, digest(join(last, `${name}.safetensors`))]),
    ),
    best: digest(join(runDirectory, 'best', 'model.safetensors')),
    pointer: JSON.parse(readFileSync(join(runDirectory, 'best.json'), 'utf8')) as unknown,
    // Where the data and the random numbers stand; the log says of each step what they were.
    state,
    log: readRunLog(runDirectory).map((record) => {
      if (record.kind === 'warning') return record
      const { stepsPerSecond: _s, audioSecondsPerSecond: _a, dataWait: _d, ...metrics } = record.metrics
      return { kind: record.kind, step: record.step, epoch: record.epoch, metrics }
    }),
  }
}

describe.each(enginesUnderTest())('runs in processes that end before their time, on %s', (engine) => {
  let directory: string
  let uninterrupted: ReturnType<typeof outcome>
  /** Milliseconds from the start of a process to its first step. */
  let startUp: number

  interface Running {
    readonly child: ChildProcess
    /** Resolves when the process has written a line of this beginning so often, or is over. */
    readonly line: (start: string, times?: number) => Promise<void>
  }

  /** Starts a run; `meanwhile` may end it. With `slow`, its checkpoints take their time. */
  const run = async (runDirectory: string, meanwhile?: (running: Running) => Promise<void>, slow = false) => {
    const args = [join(directory, 'run.mjs'), engine, runDirectory, String(STEPS), slow ? '1' : '0']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stderr.on('data', (data) => (errors += String(data)))
    child.stdout.on('data', (data) => (output += String(data)))
    const line = (start: string, times = 1) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (output.split(`\n${start}`).length + (output.startsWith(start) ? 1 : 0) > times) resolve()
        }
        look()
        child.stdout.on('data', look)
        child.on('close', () => resolve())
      })
    const closed = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }))
    })
    await meanwhile?.({ child, line })
    const { code, signal } = await closed
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the run failed (${code}, ${signal}): ${errors}`)
    return { output, signal }
  }

  const partials = (runDirectory: string) =>
    existsSync(runDirectory) ? readdirSync(runDirectory).filter((name) => /^\.checkpoint-.*partial$/.test(name)) : []
  const lastCheckpoint = async (runDirectory: string) => (await findCheckpoints(runDirectory)).at(-1) ?? 0
  const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-resume-'))
    await bundleScript(directory)
    const runDirectory = join(directory, 'uninterrupted')
    const start = performance.now()
    const { output } = await run(runDirectory, async ({ line }) => {
      await line('step')
      startUp = performance.now() - start
    })
    expect(output).toContain(`completed at ${STEPS}`)
    uninterrupted = outcome(runDirectory)
  }, 120_000)
  afterAll(() => rm(directory, { recursive: true }))

  it(`killed at ${KILLS} random moments, ends with the same bits and the same log`, async () => {
    const runDirectory = join(directory, 'killed')
    const seen = { whileStarting: 0, whileWriting: 0, inLaterEpochs: 0 }
    for (let kill = 0; kill < KILLS; kill++) {
      const { signal, output } = await run(
        runDirectory,
        async ({ child, line }) => {
          // By turns somewhere in a checkpoint's writing, somewhere in training, and now and then while the process starts.
          if (kill % 5 === 4) await sleep(startUp * Math.random())
          else if (kill % 2 === 0) {
            await line('writing', 1 + Math.floor(2 * Math.random()))
            await sleep(60 * Math.random())
          } else {
            await line('step', 2 + Math.floor(4 * Math.random()))
            await sleep(10 * Math.random())
          }
          child.kill('SIGKILL')
        },
        true,
      )
      expect(signal, output).toBe('SIGKILL')
      if (!output.includes('step ')) seen.whileStarting++
      if (partials(runDirectory).length > 0) seen.whileWriting++
      if ((await lastCheckpoint(runDirectory)) >= 7) seen.inLaterEpochs++
    }
    expect(seen.whileWriting).toBeGreaterThan(2)
    expect(seen.inLaterEpochs).toBeGreaterThan(0)
    const { output } = await run(runDirectory)
    expect(output).toContain(`Resuming from ${join(runDirectory, 'checkpoint-')}`)
    expect(outcome(runDirectory)).toEqual(uninterrupted)
    // Half a minute; processes start slowly where others keep the machine busy.
  }, 300_000)

  it.each(['SIGINT', 'SIGTERM'] as const)('on %s finishes the step, saves, and says how to go on', async (signal) => {
    const runDirectory = join(directory, signal)
    const { output } = await run(runDirectory, async ({ child, line }) => {
      await line('step')
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
