import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CheckpointError, ConfigError, TrainingError } from '../errors'
import { objectiveEvaluator } from './evaluate'
import { GradientNormMonitor, type Monitor } from './monitor'
import type { TrainingProgress } from './progress'
import { readRunLog } from './run-log'
import { linearDecaySchedule } from './schedules'
import { ToyModel, toyData, toyObjective } from './toy.fixture'
import { Trainer } from './trainer'
import type { TrainerOptions } from './trainer-options'

describe.each(enginesUnderTest())('Trainer on %s', (engine) => {
  let directory: string
  beforeAll(() => useEngine(engine))
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-trainer-'))
  })
  afterEach(async () => {
    tf.disposeVariables()
    await rm(directory, { recursive: true })
  })

  type Overrides = Partial<TrainerOptions> & { dropout?: number; sum?: boolean; hidden?: number; modelSeed?: number }
  const notes: string[] = []
  const quiet = Object.assign(() => {}, { note: (text: string) => notes.push(text) })
  const setUp = ({ dropout = 0, sum = false, hidden = 8, modelSeed = 1, ...options }: Overrides = {}) => {
    const model = new ToyModel(hidden, modelSeed)
    const objective = toyObjective(model, { dropout, sum }) as TrainerOptions['objective']
    const trainer = new Trainer({
      model,
      objective,
      data: toyData(),
      maxSteps: 12,
      optimizer: { learningRate: 0.02 },
      seed: 3,
      onProgress: quiet,
      ...options,
    })
    return { model, objective, trainer }
  }

  it('learns a regression that it can represent', async () => {
    const { model, objective, trainer } = setUp({
      maxSteps: 600,
      schedule: linearDecaySchedule({ warmupSteps: 10, totalSteps: 600 }),
      clipNorm: 1,
    })
    const evaluate = objectiveEvaluator({ objective, data: toyData({ seed: 99 }), seed: 1 })
    const before = (await evaluate(0)).loss!
    const { status, step, history } = await trainer.run()
    expect([status, step]).toEqual(['completed', 600])
    // Targets have variance 0.38; a tanh network with 8 units gets 1 % of it.
    expect(before).toBeGreaterThan(0.3)
    expect((await evaluate(600)).loss!).toBeLessThan(0.01)
    expect(history).toHaveLength(60)
    expect(history.at(-1)!.metrics.loss!).toBeLessThan(0.01)
    expect(trainer.traceCount).toBe(engine === 'xla' ? 1 : 0)
    for (const value of model.values()) expect(Number.isFinite(value)).toBe(true)
  })

  it('is a function of its seed', async () => {
    const values = async (seed: number) => {
      const { model, trainer } = setUp({ seed, dropout: 0.3, maxSteps: 5 })
      await trainer.run()
      return model.values()
    }
    const first = await values(1)
    expect(await values(1)).toEqual(first)
    expect(await values(2)).not.toEqual(first)
  })

  it('logs averages, evaluations and the schedule, each step once', async () => {
    const seen: TrainingProgress[] = []
    const evaluated: number[] = []
    const { trainer } = setUp({
      runDirectory: directory,
      maxSteps: 11,
      logEvery: 4,
      evaluateEvery: 5,
      evaluate: async (step) => {
        evaluated.push(step)
        return { accuracy: step / 100 }
      },
      schedule: (step) => step / 10,
      onProgress: Object.assign((progress: TrainingProgress) => seen.push(progress), { note: () => {} }),
    })
    const { history } = await trainer.run()
    expect(evaluated).toEqual([5, 10, 11])
    expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1))
    const train = history.filter(({ kind }) => kind === 'train')
    expect(train.map(({ step }) => step)).toEqual([4, 8, 11])
    const mean = (from: number, to: number) =>
      seen.slice(from, to).reduce((sum, { metrics }) => sum + metrics.loss!, 0) / (to - from)
    expect(train.map(({ metrics }) => metrics.loss)).toEqual([mean(0, 4), mean(4, 8), mean(8, 11)])
    expect(train[1]!.metrics.learningRate).toBe(0.02 * 0.8)
    expect(seen[7]!.audioSecondsPerSecond! / seen[7]!.stepsPerSecond).toBeCloseTo(0.16, 9)
    expect(history.filter(({ kind }) => kind === 'evaluation').map(({ metrics }) => metrics)).toEqual([
      { accuracy: 0.05 },
      { accuracy: 0.1 },
      { accuracy: 0.11 },
    ])
    expect(readRunLog(directory)).toEqual(history)
    const run = JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as Record<string, unknown>
    expect(run).toMatchObject({ status: 'completed', step: 11, seed: 3, objective: 'toy regression' })
    const environment = JSON.parse(readFileSync(join(directory, 'environment.json'), 'utf8')) as unknown
    expect(environment).toMatchObject({ engine, node: process.versions.node })
  })

  it('evaluates by the objective on held-out batches, as over one batch with all of them', async () => {
    const { model, objective } = setUp({ sum: true })
    const data = toyData({ seed: 8 })
    const metrics = await objectiveEvaluator({ objective, data, seed: 1, maxBatches: 3 })(1)
    let squares = 0
    let absolutes = 0
    for (let index = 0; index < 3; index++) {
      const { inputs, targets } = await data.batch(0, index)
      const outputs = model.forward(tf.tensor(inputs!.data, [...inputs!.shape])).dataSync()
      outputs.forEach((output, row) => {
        squares += (output - targets!.data[row]!) ** 2
        absolutes += Math.abs(output - targets!.data[row]!)
      })
    }
    expect(metrics.sampleSize).toBe(48)
    expect(metrics.loss).toBeCloseTo(squares / 48, 6)
    expect(metrics.absolute).toBeCloseTo(absolutes / 48, 6)
  })

  it.each([
    ['plain', {}],
    [
      'accumulating, with dropout and a frozen group',
      {
        accumulate: 4,
        dropout: 0.2,
        sum: true,
        parameterGroups: [
          { match: (name: string) => name.startsWith('hidden'), scale: (step: number) => (step < 8 ? 0 : 0.5) },
        ],
      },
    ],
  ] as [string, Overrides][])(
    'resumes in a later epoch to the same bits and the same log: %s',
    async (_, overrides) => {
      const evaluate = async (step: number) => ({ step })
      const common: Overrides = {
        ...overrides,
        maxSteps: 23,
        logEvery: 3,
        evaluateEvery: 10,
        evaluate,
        checkpointEvery: 5,
      }
      const whole = setUp({ ...common, runDirectory: join(directory, 'whole') })
      const expected = await whole.trainer.run()

      const runDirectory = join(directory, 'parts')
      for (const stopAfter of [1, 10, 17]) {
        const controller = new AbortController()
        const onProgress = Object.assign(({ step }: TrainingProgress) => step >= stopAfter - 1 && controller.abort(), {
          note: () => {},
        })
        const part = setUp({
          ...common,
          modelSeed: stopAfter === 1 ? 1 : 77,
          runDirectory,
          signal: controller.signal,
          onProgress,
        })
        const result = await part.trainer.run()
        expect(result.status).toBe('interrupted')
        tf.dispose([...part.model.parameters.values()])
      }
      const last = setUp({ ...common, modelSeed: 78, runDirectory })
      const result = await last.trainer.run()
      expect(result.status).toBe('completed')
      expect(last.model.values()).toEqual(whole.model.values())
      for (const file of ['model.safetensors', 'optimizer.safetensors']) {
        const bytes = (run: string) => readFileSync(join(directory, run, 'checkpoint-23', file))
        expect(bytes('parts').equals(bytes('whole')), file).toBe(true)
      }
      const timeless = (records: typeof expected.history) =>
        records.map(({ kind, step, epoch, metrics }) => {
          const { stepsPerSecond: _s, audioSecondsPerSecond: _a, dataWait: _d, ...rest } = metrics
          return { kind, step, epoch, rest }
        })
      expect(timeless(result.history)).toEqual(timeless(expected.history))
      expect(readRunLog(runDirectory).length).toBe(result.history.length)
    },
  )

  it('keeps the newest checkpoints, and ignores and removes half-written ones', async () => {
    const common = { runDirectory: directory, checkpointEvery: 2, keepLast: 2 }
    await setUp({ ...common, maxSteps: 9 }).trainer.run()
    const checkpoints = () =>
      readdirSync(directory)
        .filter((name) => name.includes('checkpoint'))
        .sort()
    expect(checkpoints()).toEqual(['checkpoint-8', 'checkpoint-9'])
    const half = join(directory, 'checkpoint-11')
    await mkdir(half)
    writeFileSync(join(half, 'model.safetensors'), 'half')
    await mkdir(join(directory, '.checkpoint-11.host.1.abcdefabcdef.partial'))
    const { step } = await setUp({ ...common, maxSteps: 10 }).trainer.run()
    expect(step).toBe(10)
    expect(checkpoints()).toEqual(['checkpoint-10', 'checkpoint-9'])
  })

  it('does nothing when the run is complete, and goes on when it is given more steps', async () => {
    const common = { runDirectory: directory, checkpointEvery: 4, evaluate: async (step: number) => ({ step }) }
    await setUp(common).trainer.run()
    const again = setUp({ ...common, modelSeed: 5 })
    const logged = readRunLog(directory)
    expect(await again.trainer.run()).toMatchObject({ status: 'completed', step: 12 })
    expect(readRunLog(directory)).toEqual(logged)
    expect((await setUp({ runDirectory: directory, maxSteps: 14 }).trainer.run()).step).toBe(14)
    const whole = setUp({ maxSteps: 12 })
    await whole.trainer.run()
    expect(again.model.values()).toEqual(whole.model.values())
  })

  it('refuses a checkpoint of another run, and says in what it differs', async () => {
    const first = { runDirectory: directory, modelConfig: { hiddenSize: 8 } }
    await setUp(first).trainer.run()
    const failure = (overrides: Overrides) =>
      setUp({ ...first, maxSteps: 20, ...overrides })
        .trainer.run()
        .catch((error: unknown) => error)
    for (const [overrides, message] of [
      [{ seed: 4 }, /seed: 3 in the checkpoint, 4 now/],
      [{ modelConfig: { hiddenSize: 16 } }, /hiddenSize: 8 in the checkpoint, 16 now/],
      [{ data: toyData({ seed: 6 }) }, /data: "toy\(5\)" in the checkpoint, "toy\(6\)" now/],
      [{ hidden: 9 }, /hidden\.weight\.exp_avg: \[3, 8\] in the checkpoint, \[3, 9\] now/],
      [{ parameterGroups: [{ match: () => true, scale: () => 1 }] }, /missing: updates\.1/],
    ] as [Overrides, RegExp][]) {
      const error = await failure(overrides)
      expect(error).toBeInstanceOf(CheckpointError)
      expect((error as Error).message).toMatch(message)
    }
    expect(await failure({ resume: false })).toBeInstanceOf(TrainingError)
  })

  it('names the file of a checkpoint, or of the run, that was damaged', async () => {
    const resume = () => setUp({ runDirectory: directory, modelConfig: { hidden: 8 }, maxSteps: 6 }).trainer.run()
    await setUp({ runDirectory: directory, modelConfig: { hidden: 8 }, maxSteps: 4 }).trainer.run()
    const damage = async (file: string, content: string) => {
      const path = join(directory, file)
      const before = readFileSync(path, 'utf8')
      writeFileSync(path, content)
      const error = await resume().catch((thrown: unknown) => thrown)
      writeFileSync(path, before)
      return error
    }
    const state = JSON.parse(readFileSync(join(directory, 'checkpoint-4/trainer.json'), 'utf8'))
    for (const [file, content] of [
      ['checkpoint-4/trainer.json', JSON.stringify({ ...state, nextBatch: { epoch: 0 } })],
      ['checkpoint-4/trainer.json', JSON.stringify({ ...state, window: null })],
      ['checkpoint-4/trainer.json', 'null'],
      ['checkpoint-4/config.json', '{ half'],
      ['run.json', '{ half'],
    ] as const) {
      expect(await damage(file, content)).toMatchObject({ file: join(directory, file), cure: expect.any(String) })
    }
    expect((await resume()).step).toBe(6)
  })

  it('skips a poisoned batch, and trains on as if that step had not been', async () => {
    const data = toyData({ poisoned: (epoch, index) => epoch === 0 && index === 3 })
    const { model, trainer } = setUp({ data, runDirectory: directory, logEvery: 5, maxSteps: 10 })
    const { skippedSteps, history } = await trainer.run()
    expect(skippedSteps).toBe(1)
    expect(history.map(({ metrics }) => metrics.skipped)).toEqual([1, 0])
    for (const { metrics } of history) expect(Number.isFinite(metrics.loss)).toBe(true)
    for (const value of model.values()) expect(Number.isFinite(value)).toBe(true)
    const warnings = readRunLog(directory).filter(({ kind }) => kind === 'warning')
    expect(warnings).toMatchObject([{ monitor: 'non-finite', step: 4 }])
  })

  it('stops after so many steps that are not finite, with parameters from before them', async () => {
    const data = toyData({ poisoned: (epoch) => epoch >= 1 })
    const { model, trainer } = setUp({
      data,
      runDirectory: directory,
      maxSteps: 100,
      nonFinitePatience: 4,
      checkpointEvery: 5,
    })
    const error = await trainer.run().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TrainingError)
    expect((error as Error).message).toMatch(/step 11: 4 steps in a row were not finite.*lower learning rate/s)
    const sound = setUp({ maxSteps: 7 })
    await sound.trainer.run()
    expect(model.values()).toEqual(sound.model.values())
  })

  it('shows monitors each step once and in order, keeps their state, and stops when one says so', async () => {
    const seen: number[] = []
    const monitor = (fatalAt?: number): Monitor => ({
      name: 'counter',
      observe: (step) => {
        seen.push(step)
        return step === fatalAt ? [{ monitor: 'counter', step, message: 'enough.', severity: 'fatal' }] : []
      },
      state: () => ({ seen: seen.length }),
      restore: (state) => expect(state).toEqual({ seen: 6 }),
    })
    await setUp({ runDirectory: directory, maxSteps: 6, monitors: [monitor()] }).trainer.run()
    await expect(setUp({ runDirectory: directory, monitors: [monitor(9)] }).trainer.run()).rejects.toThrow(
      /step 9: enough/,
    )
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('makes one batch ahead, and no others twice', async () => {
    const made: string[] = []
    const toy = toyData()
    const data = {
      ...toy,
      batch: (epoch: number, index: number) => {
        made.push(`${epoch}:${index}`)
        return toy.batch(epoch, index)
      },
    }
    await setUp({ data, maxSteps: 9 }).trainer.run()
    expect(made).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4', '0:5', '0:6', '1:0', '1:1'])
  })

  it('lets go of the data at the end, and goes on where it was when it is run again', async () => {
    const whole = setUp()
    await whole.trainer.run()
    let controller = new AbortController()
    let closed = 0
    const data = { ...toyData(), close: () => void closed++ }
    const signal = new Proxy(new AbortController().signal, { get: (_, name) => Reflect.get(controller.signal, name) })
    const { model, trainer } = setUp({
      data,
      signal,
      onProgress: Object.assign(({ step }: TrainingProgress) => step === 4 && controller.abort(), { note: () => {} }),
    })
    expect((await trainer.run()).status).toBe('interrupted')
    expect(closed).toBe(1)
    controller = new AbortController()
    expect((await trainer.run()).status).toBe('completed')
    expect(closed).toBe(2)
    expect(model.values()).toEqual(whole.model.values())
  })

  it('counts the time of each session once when it is run again', async () => {
    const begin = performance.now()
    let controller = new AbortController()
    const signal = new Proxy(controller.signal, { get: (_, name) => Reflect.get(controller.signal, name) })
    const toy = toyData()
    const data = {
      ...toy,
      batch: async (epoch: number, index: number) => {
        if (epoch === 0) await new Promise((resolve) => setTimeout(resolve, 60))
        return toy.batch(epoch, index)
      },
    }
    const onProgress = Object.assign(({ step }: TrainingProgress) => step === 6 && controller.abort(), {
      note: () => {},
    })
    const { trainer } = setUp({ data, signal, runDirectory: directory, logEvery: 1, onProgress })
    await trainer.run()
    controller = new AbortController()
    const { history } = await trainer.run()
    expect(history.at(-1)!.step).toBe(12)
    // A clock cannot have run for longer than there was time.
    expect(history.at(-1)!.seconds).toBeLessThanOrEqual((performance.now() - begin) / 1000)
  })

  it('holds no more tensors after many steps than after a few', async () => {
    const counts: number[] = []
    const onProgress = Object.assign(() => counts.push(tf.memory().numTensors), { note: () => {} })
    await setUp({ maxSteps: 30, dropout: 0.1, onProgress }).trainer.run()
    expect(counts[25]).toBe(counts[3])
  })

  it('passes on what a data source throws, and leaves the checkpoint', async () => {
    const toy = toyData()
    const data = {
      ...toy,
      batch: async (epoch: number, index: number) => {
        if (epoch === 1) throw new Error('disk gone')
        return toy.batch(epoch, index)
      },
    }
    await expect(setUp({ data, runDirectory: directory, checkpointEvery: 3 }).trainer.run()).rejects.toThrow(
      'disk gone',
    )
    expect(existsSync(join(directory, 'checkpoint-6'))).toBe(true)
    expect((await setUp({ runDirectory: directory }).trainer.run()).step).toBe(12)
  })

  it('refuses options that cannot work', () => {
    for (const options of [{ maxSteps: 0 }, { seed: 1.5 }, { logEvery: 0 }, { accumulate: 0 }, { clipNorm: 0 }]) {
      expect(() => setUp(options)).toThrow(ConfigError)
    }
    // Their memories would be one in a checkpoint.
    const monitors = [new GradientNormMonitor(), new GradientNormMonitor({ window: 5 })]
    expect(() => setUp({ monitors })).toThrow(/two monitors.*"gradient-norm"/)
  })
})
