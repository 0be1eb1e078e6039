import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expectClose } from '@babble/core/testing'
import { findPlugin } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, loadEngine } from '../engine/index'
import { ConfigError } from '../errors'
import { ToyModel, toyData, toyObjective } from './toy.fixture'
import { Trainer } from './trainer'
import type { TrainerOptions } from './trainer-options'

const train = async (options: Partial<TrainerOptions> & { sum?: boolean }) => {
  const { sum = false, ...rest } = options
  const model = new ToyModel()
  const trainer = new Trainer({
    model,
    objective: toyObjective(model, { dropout: 0.2, sum }) as TrainerOptions['objective'],
    data: toyData(),
    maxSteps: 12,
    // An epsilon well above the gradients' noise: AdamW divides by their size.
    optimizer: { learningRate: 0.02, eps: 1e-2 },
    clipNorm: 1,
    seed: 3,
    logEvery: 1,
    onProgress: Object.assign(() => {}, { note: () => {} }),
    ...rest,
  })
  const { history } = await trainer.run()
  return { losses: history.map(({ metrics }) => metrics.loss!), values: model.values(), trainer }
}

describe.skipIf(!findPlugin({ device: 'cpu' }))('a Trainer on several devices', () => {
  let directory: string
  beforeAll(async () => {
    await loadEngine({ backend: 'xla', device: 'cpu', quiet: true, xla: { deviceCount: 4 } })
    directory = await mkdtemp(join(tmpdir(), 'babble-devices-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  for (const devices of [2, 4]) {
    it.each([
      ['', {}],
      [', with gradients added over micro-batches', { accumulate: 2, sum: true }],
    ])(`trains on ${devices} to the numbers of one%s`, async (_, options) => {
      const one = await train(options)
      const several = await train({ ...options, devices })
      expectClose(several.losses, one.losses, { relative: 1e-6, name: 'losses' })
      expectClose(several.values, one.values, { relative: 1e-6, name: 'parameters' })
      expect(several.trainer.traceCount).toBe(one.trainer.traceCount)
      expect(one.losses.at(-1)).not.toBeCloseTo(one.losses[0]!, 3)
    })
  }

  it('goes on from a checkpoint, also on another number of devices', async () => {
    const whole = await train({})
    const runDirectory = join(directory, 'run')
    await train({ devices: 2, maxSteps: 5, runDirectory })
    const resumed = await train({ devices: 4, runDirectory })
    expectClose(resumed.values, whole.values, { relative: 1e-6, name: 'parameters' })
  })

  it('is the run of one device whatever devices and micro-batches share a batch, also when they change on resuming', async () => {
    const whole = await train({})
    for (const [devices, accumulate] of [
      [4, 1],
      [2, 2],
      [1, 4],
      [4, 4],
    ] as const) {
      const shared = await train({ devices, accumulate })
      expectClose(shared.losses, whole.losses, { relative: 1e-6, name: `losses on ${devices} x ${accumulate}` })
      expectClose(shared.values, whole.values, { relative: 1e-6, name: `parameters on ${devices} x ${accumulate}` })
    }
    const runDirectory = join(directory, 'changing')
    await train({ devices: 2, accumulate: 4, maxSteps: 5, runDirectory })
    await train({ devices: 1, accumulate: 8, maxSteps: 9, runDirectory })
    const resumed = await train({ devices: 4, accumulate: 1, runDirectory })
    expectClose(resumed.values, whole.values, { relative: 1e-6, name: 'parameters' })
  })

  it('refuses a batch that does not divide, naming it', async () => {
    const data = toyData({ rows: 15 })
    await expect(train({ devices: 2, data })).rejects.toThrow(/inputs.*15 rows cannot be shared equally by 2 devices/)
    await expect(train({ devices: 0 })).rejects.toThrow(ConfigError)
  })

  it('is an error on an engine that has one device', async () => {
    await loadEngine({ backend: 'cpu', quiet: true })
    const fn = compile((x: tf.Tensor) => tf.add(x, 1), { name: 'step', devices: 2 })
    expect(() => fn(tf.scalar(1))).toThrow(/step is to run on 2 devices, which the engine "cpu" cannot/)
    await loadEngine({ backend: 'xla', device: 'cpu', quiet: true })
    expect((await train({ devices: 2, maxSteps: 2 })).losses).toHaveLength(2)
  })
})
