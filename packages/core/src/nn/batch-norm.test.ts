import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSafetensors } from '../checkpoint/index'
import { Model, rows, source, train } from './batch-norm.fixture'
import { Initializer } from './initializer'

/** Means, unbiased variances and sizes of the activations that the norm sees. */
const statisticsOf = (model: Model, x: Float32Array) =>
  tf.tidy(() => {
    const { mean, variance } = tf.moments(model.linear.forward(tf.tensor2d(x, [rows, 3])), 0)
    return { mean: mean.dataSync(), variance: Array.from(variance.dataSync(), (v) => (v * rows) / (rows - 1)) }
  })

describe.each(enginesUnderTest())('BatchNorm on %s', (engine) => {
  let directory: string
  beforeAll(async () => {
    await useEngine(engine)
    directory = await mkdtemp(join(tmpdir(), 'babble-batch-norm-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  it('moves the running statistics by a tenth towards each batch, unbiased, and uses them in evaluation only', () => {
    const model = new Model(new Initializer(1))
    const data = source()
    const expected = { mean: new Float64Array(4), variance: new Float64Array(4).fill(1) }
    for (const index of [0, 1, 2]) {
      const x = data.batch(0, index).inputs.data as Float32Array
      const { mean, variance } = statisticsOf(model, x)
      expected.mean = expected.mean.map((v, c) => 0.9 * v + 0.1 * mean[c]!)
      expected.variance = expected.variance.map((v, c) => 0.9 * v + 0.1 * variance[c]!)
      tf.tidy(() => model.forward(tf.tensor2d(x, [rows, 3]), true))
    }
    expectClose(model.norm.runningMean, expected.mean, { relative: 2e-6 })
    expectClose(model.norm.runningVar, expected.variance, { relative: 2e-6 })
    expect(model.norm.numBatchesTracked.dataSync()[0]).toBe(3)
    const x = tf.tensor2d([1, 2, 3], [1, 3])
    const before = Array.from(model.norm.runningMean.dataSync())
    expect(model.forward(x, false).dataSync()[0]).not.toBeNaN()
    expect(Array.from(model.norm.runningMean.dataSync())).toEqual(before)
    expect(() => model.forward(x, true)).toThrow('two positions')
  })

  it('leaves no tensors behind', () => {
    const model = new Model(new Initializer(1))
    const x = tf.ones([rows, 3]) as tf.Tensor2D
    const { numTensors } = tf.memory()
    const run = () => {
      model.forward(x, true)
    }
    for (let i = 0; i < 3; i++) tf.tidy(run)
    expect(tf.memory().numTensors).toBe(numTensors)
  })

  it('trains in the compiled step: statistics and teacher move, are saved in their own types and resume bit for bit', async () => {
    const whole = await train()
    expect(whole.state.get('student.norm.num_batches_tracked')).toEqual([8])
    expect(whole.state.get('student.norm.running_mean')).not.toEqual([0, 0, 0, 0])
    // The teacher is behind its student; its statistics are copies (which XLA may work out once more, fused in another way).
    expect(whole.state.get('ema.model.linear.weight')).not.toEqual(whole.state.get('student.linear.weight'))
    const [copied, own] = ['ema.model', 'student'].map((part) => whole.state.get(`${part}.norm.running_mean`)!)
    expectClose(copied!, own!, { relative: 2e-7 })
    const runDirectory = join(directory, 'run')
    await train({ maxSteps: 3, runDirectory })
    const { tensors } = await readSafetensors(join(runDirectory, 'checkpoint-3', 'model.safetensors'))
    expect(tensors.get('student.norm.num_batches_tracked')).toMatchObject({ dtype: 'I32', data: Int32Array.of(3) })
    const resumed = await train({ runDirectory })
    expect(resumed.state).toEqual(whole.state)
  })

  it.each([1, 2])('a refused update leaves statistics and teacher alone (%s micro-batches)', async (accumulate) => {
    const data = source((index) => index === 4)
    const before = await train({ accumulate, maxSteps: 4, data })
    const after = await train({ accumulate, maxSteps: 5, data })
    expect(after.result.skippedSteps).toBe(1)
    expect(after.state).toEqual(before.state)
  })

  it('counts each micro-batch, as PyTorch does', async () => {
    const { state } = await train({ accumulate: 2 })
    expect(state.get('student.norm.num_batches_tracked')).toEqual([16])
  })
})
