import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readSafetensors } from '../checkpoint/index'
import type { BatchSource } from '../data/index'
import { ConfigError, TrainingError } from '../errors'
import { LOCK_FILE } from './run-lock'
import { readRunLog } from './run-log'
import { ToyModel, toyData, toyObjective } from './toy.fixture'
import { Trainer } from './trainer'
import type { TrainerOptions } from './trainer-options'

const read = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>

describe.each(enginesUnderTest())('a run and its folder on %s', (engine) => {
  let directory: string
  beforeAll(() => useEngine(engine))
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-run-'))
  })
  afterEach(async () => {
    tf.disposeVariables()
    await rm(directory, { recursive: true })
  })

  type Overrides = Partial<TrainerOptions> & { dropout?: number; sum?: boolean; modelSeed?: number }
  const notes: string[] = []
  const quiet = Object.assign(() => {}, { note: (text: string) => notes.push(text) })
  const setUp = ({ dropout = 0.2, sum = false, modelSeed = 1, ...options }: Overrides = {}) => {
    const model = new ToyModel(8, modelSeed)
    const trainer = new Trainer({
      model,
      objective: toyObjective(model, { dropout, sum, draws: true }) as TrainerOptions['objective'],
      data: toyData(),
      maxSteps: 12,
      // An epsilon well above the gradients' noise: AdamW divides by their size.
      optimizer: { learningRate: 0.02, eps: 1e-2 },
      seed: 3,
      logEvery: 1,
      onProgress: quiet,
      ...options,
    })
    return { model, trainer }
  }
  const series = (history: Awaited<ReturnType<Trainer['run']>>['history'], metric: string) =>
    history.filter(({ kind }) => kind === 'train').map(({ metrics }) => metrics[metric]!)

  it.each([
    ['means', {}],
    ['sums by sample size, clipped and averaged', { sum: true, clipNorm: 0.3, weightAverage: { decay: 0.9 } }],
  ] as [string, Overrides][])(
    'is the same with any number of micro-batches, dropout and random numbers included: %s',
    async (_, options) => {
      const whole = setUp(options)
      const expected = (await whole.trainer.run()).history
      for (const accumulate of [2, 4, 16]) {
        const parts = setUp({ ...options, accumulate })
        const { history } = await parts.trainer.run()
        for (const metric of ['draw', 'loss', 'gradNorm', 'absolute', 'inputs', 'rows']) {
          expectClose(series(history, metric), series(expected, metric), { relative: 2e-6, name: metric })
        }
        expectClose(parts.model.values(), whole.model.values(), { relative: 2e-6, name: 'parameters' })
      }
    },
  )

  it('may change the number of micro-batches when it is resumed', async () => {
    const whole = setUp()
    await whole.trainer.run()
    for (const [maxSteps, accumulate] of [
      [4, 8],
      [9, 1],
      [12, 2],
    ] as const) {
      const part = setUp({ maxSteps, accumulate, runDirectory: directory, modelSeed: maxSteps === 4 ? 1 : 77 })
      await part.trainer.run()
      if (maxSteps === 12) expectClose(part.model.values(), whole.model.values(), { relative: 2e-6 })
    }
    expect(readRunLog(directory).map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1))
  })

  it('refuses a batch that does not divide', async () => {
    await expect(setUp({ accumulate: 3 }).trainer.run()).rejects.toThrow(
      /"inputs" of "toy\(5\)": 16 rows cannot be shared equally by 3 micro-batches/,
    )
  })

  it('goes on at the batch where it was, however far, without making those before it', async () => {
    const asked: string[] = []
    const toy = toyData()
    const data: BatchSource = {
      ...toy,
      batchesPerEpoch: (epoch) => {
        asked.push(`length of ${epoch}`)
        return 1_000_000
      },
      batch: (epoch, index) => {
        asked.push(`${epoch}:${index}`)
        return toy.batch(epoch, index)
      },
    }
    await setUp({ data, runDirectory: directory, maxSteps: 2 }).trainer.run()
    const file = join(directory, 'checkpoint-2', 'trainer.json')
    const state = read(file)
    writeFileSync(file, JSON.stringify({ ...state, nextBatch: { epoch: 4000, index: 999_999 } }))
    const resumed = setUp({ data, runDirectory: directory, maxSteps: 4 }).trainer
    asked.length = 0
    await resumed.run()
    expect(asked.filter((what) => what.includes(':'))).toEqual(['4000:999999', '4001:0'])
    expect(asked.filter((what) => !what.includes(':')).length).toBeLessThan(6)
  })

  it('keeps out a second trainer while it runs', async () => {
    let second: Promise<unknown> | undefined
    const first = setUp({
      runDirectory: directory,
      maxSteps: 3,
      onProgress: Object.assign(
        () => {
          second ??= setUp({ runDirectory: directory })
            .trainer.run()
            .catch((error: unknown) => error)
        },
        { note: () => {} },
      ),
    })
    await first.trainer.run()
    expect(await second).toBeInstanceOf(TrainingError)
    expect(String(await second)).toContain('has been running in this folder')
    expect(existsSync(join(directory, LOCK_FILE))).toBe(false)
    expect(read(directory, 'run.json').status).toBe('completed')
  })

  it('says what was run, on what, and how it went', async () => {
    await setUp({
      runDirectory: directory,
      clipNorm: 2,
      accumulate: 2,
      config: { recipe: 'toy' },
      modelConfig: { hiddenSize: 8 },
      weightAverage: { decay: 0.9 },
    }).trainer.run()
    expect(readdirSync(directory).sort()).toEqual([
      'checkpoint-12',
      'config.json',
      'environment.json',
      'metrics.jsonl',
      'report.html',
      'run.json',
      'tensorboard',
    ])
    expect(read(directory, 'config.json')).toMatchObject({
      optimizer: { name: 'AdamW', learningRate: 0.02 },
      clipNorm: 2,
      accumulate: 2,
      config: { recipe: 'toy' },
      model: { hiddenSize: 8 },
      weightAverage: { decay: 0.9 },
    })
    expect(read(directory, 'environment.json')).toMatchObject({ engine, cores: expect.any(Number) })
    expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('Gradient norm')
    expect(readdirSync(join(directory, 'tensorboard'))).toHaveLength(1)
    const plain = { runDirectory: join(directory, 'plain'), report: false, tensorBoard: false }
    await setUp(plain).trainer.run()
    expect(readdirSync(plain.runDirectory)).not.toContain('report.html')
    expect(readdirSync(plain.runDirectory)).not.toContain('tensorboard')
  })

  it('logs the share of the time that it waited for data, in each window', async () => {
    const toy = toyData()
    const data: BatchSource = {
      ...toy,
      batch: async (epoch, index) => {
        if (index >= 4) await new Promise((resolve) => setTimeout(resolve, 60))
        return toy.batch(epoch, index)
      },
    }
    const { history } = await setUp({ data, maxSteps: 7 }).trainer.run()
    const waited = series(history, 'dataWait')
    for (const share of waited) expect(share >= 0 && share <= 1).toBe(true)
    // Batch 5 is waited for in the fifth step and after; nothing before it is slow.
    expect(Math.max(...waited.slice(4))).toBeGreaterThan(0.5)
    expect(series(history, 'stepsPerSecond').at(-1)).toBeGreaterThan(0)
  })

  it('evaluates and exports with the averaged weights, and trains on with its own', async () => {
    const seen: number[][] = []
    const options: Overrides = { weightAverage: { decay: 0.9 }, evaluateEvery: 4, modelConfig: { hiddenSize: 8 } }
    const averaged = setUp({
      ...options,
      runDirectory: directory,
      evaluate: async (step) => {
        seen.push(averaged.model.values())
        return { score: [0, 0.3, 0.1, 0.2][step / 4]! }
      },
      keepBest: { metric: 'score', count: 1 },
    })
    await averaged.trainer.run()
    const plain = setUp({ evaluate: async () => ({}) })
    await plain.trainer.run()
    expect(averaged.model.values()).toEqual(plain.model.values())
    for (const values of seen) expect(values).not.toEqual(plain.model.values())
    expect(await averaged.trainer.withAveragedWeights(() => averaged.model.values())).toEqual(seen.at(-1))
    // The best was at step 8: its checkpoint stays, and its averaged weights are in `best`.
    expect(read(directory, 'best.json')).toEqual({
      metric: 'score',
      mode: 'min',
      model: 'best',
      checkpoints: [{ step: 8, value: 0.1, checkpoint: 'checkpoint-8' }],
    })
    const flat = async (file: string) => {
      const { tensors } = await readSafetensors(file)
      return ['hidden.weight', 'hidden.bias', 'out.weight'].flatMap((name) => [
        ...(tensors.get(name)!.data as Float32Array),
      ])
    }
    expect(await flat(join(directory, 'best', 'model.safetensors'))).toEqual(seen[1])
    expect(await flat(join(directory, 'checkpoint-8', 'average.safetensors'))).toEqual(seen[1])
    expect(read(directory, 'best', 'config.json')).toEqual({ hiddenSize: 8 })
    await expect(plain.trainer.withAveragedWeights(() => 0)).rejects.toThrow(TrainingError)
  })

  it('keeps the best checkpoints beside the newest, also across a resume, and exports as it is told', async () => {
    const scores = [0, 5, 3, 4, 1, 2]
    const common: Overrides = {
      runDirectory: directory,
      evaluateEvery: 2,
      evaluate: async (step) => ({ score: scores[step / 2]! }),
      checkpointEvery: 3,
      keepLast: 1,
      keepBest: {
        metric: 'score',
        mode: 'max',
        count: 2,
        save: (folder) => writeFile(join(folder, 'mine'), 'x'),
      },
    }
    const checkpoints = () =>
      readdirSync(directory)
        .filter((name) => name.startsWith('checkpoint-'))
        .sort()
    await setUp({ ...common, maxSteps: 4 }).trainer.run()
    expect(checkpoints()).toEqual(['checkpoint-2', 'checkpoint-4'])
    await setUp({ ...common, maxSteps: 10 }).trainer.run()
    expect(checkpoints()).toEqual(['checkpoint-10', 'checkpoint-2', 'checkpoint-6'])
    expect(read(directory, 'best.json').checkpoints).toEqual([
      { step: 2, value: 5, checkpoint: 'checkpoint-2' },
      { step: 6, value: 4, checkpoint: 'checkpoint-6' },
    ])
    expect(readdirSync(join(directory, 'best')).sort()).toEqual(['COMMIT', 'mine'])
    expect(() => setUp({ keepBest: { metric: 'score' } })).toThrow(ConfigError)
    await expect(
      setUp({ evaluate: async () => ({ loss: 1 }), keepBest: { metric: 'score' } }).trainer.run(),
    ).rejects.toThrow(/no "score", but loss/)
  })

  it('saves the batch of a step that is not finite, and says where and which gradients', async () => {
    const data = toyData({ poisoned: (epoch, index) => epoch === 0 && index >= 3 })
    const { trainer } = setUp({ data, runDirectory: directory, nonFinitePatience: 3 })
    const error = await trainer.run().catch((thrown: unknown) => thrown as Error)
    const folder = join(directory, 'non-finite', 'step-6')
    expect(error).toBeInstanceOf(TrainingError)
    expect((error as Error).message).toContain(`saved in ${folder}`)
    expect((error as Error).message).toMatch(/metrics not finite: absolute; gradients not finite: hidden\.weight/)
    expect(readdirSync(join(directory, 'non-finite'))).toEqual(['step-4', 'step-5', 'step-6'])
    const { tensors } = await readSafetensors(join(folder, 'batch.safetensors'))
    const expected = await data.batch(0, 5)
    expect([...tensors.get('inputs')!.data]).toEqual([...expected.inputs!.data])
    expect(tensors.get('targets')!.data[0]).toBeNaN()
    expect(read(folder, 'info.json')).toMatchObject({
      step: 6,
      epoch: 0,
      index: 5,
      data: 'toy(5)',
      metrics: { loss: 'NaN', skipped: 1 },
      nonFiniteGradients: ['hidden.weight', 'hidden.bias', 'out.weight'],
      arrays: { inputs: { nonFinite: 0 }, targets: { nonFinite: 1 } },
    })
    expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('not finite')
  })
})
