import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { batchNorm, batchNormInference, batchStatistics } from './batch-norm'
import { expectGradients, randomTensor } from './gradient-check.fixture'

const eps = 1e-5

describe.each(enginesUnderTest())('batchNorm on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  const shapes = [
    [6, 3],
    [2, 4, 3],
    [2, 2, 3, 2],
    [2, 2, 2, 2, 2],
  ]

  it.each(shapes)('normalises each channel over all other axes, far from zero too: [%s, %s, …]', (...shape) => {
    const channels = shape.at(-1)!
    const x = tf.add(tf.mul(randomTensor(shape, 1), 2), 50)
    const [weight, bias] = [randomTensor([channels], 2), randomTensor([channels], 3)]
    const values = Array.from(x.dataSync())
    const [w, b] = [weight.dataSync(), bias.dataSync()]
    const expected = new Float64Array(values.length)
    const { mean, variance } = batchStatistics(x)
    for (let c = 0; c < channels; c++) {
      const own = values.filter((_, i) => i % channels === c)
      const average = own.reduce((sum, v) => sum + v, 0) / own.length
      const spread = own.reduce((sum, v) => sum + (v - average) ** 2, 0) / own.length
      expect(Math.abs(mean.dataSync()[c]! - average)).toBeLessThan(1e-5)
      expect(Math.abs(variance.dataSync()[c]! - spread) / spread).toBeLessThan(1e-5)
      values.forEach((v, i) => {
        if (i % channels === c) expected[i] = ((v - average) / Math.sqrt(spread + eps)) * w[c]! + b[c]!
      })
    }
    expectClose(batchNorm(x, weight, bias, eps), expected, { relative: 5e-6 })
  })

  it('has the gradients of its definition, for input, weight and bias', () => {
    const inputs = [randomTensor([2, 4, 3], 4), randomTensor([3], 5), randomTensor([3], 6)]
    expectGradients((x, weight, bias) => batchNorm(x!, weight!, bias!, eps), inputs)
  })

  it('gives the shift, and finite gradients, where a channel is constant', () => {
    const x = tf.fill([4, 2], 3)
    const shift = tf.tensor1d([1, -2])
    expectClose(batchNorm(x, tf.ones([2]), shift, eps), [1, -2, 1, -2, 1, -2, 1, -2], { relative: 1e-6 })
    const gradient = tf.grad((t: tf.Tensor) => batchNorm(t, tf.ones([2]), shift, eps))(x, randomTensor([4, 2], 1))
    expect(gradient.dataSync().every(Number.isFinite)).toBe(true)
  })

  it('with given statistics is a scale and a shift, and has its gradients', () => {
    const statistics = { mean: tf.tensor1d([1, -1, 0]), variance: tf.tensor1d([4, 1, 0.25]) }
    const inputs = [randomTensor([2, 4, 3], 4), randomTensor([3], 5), randomTensor([3], 6)] as const
    const forward = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
      batchNormInference(x, weight, bias, statistics, eps)
    const [x, w, b] = inputs.map((t) => t.dataSync()) as [Float32Array, Float32Array, Float32Array]
    const [mean, variance] = [
      [1, -1, 0],
      [4, 1, 0.25],
    ] as const
    const expected = Array.from(x, (value, i) => {
      const c = i % 3
      return ((value - mean[c]!) / Math.sqrt(variance[c]! + eps)) * w[c]! + b[c]!
    })
    expectClose(forward(...inputs), expected, { relative: 1e-6 })
    expectGradients((...given) => forward(given[0]!, given[1]!, given[2]!), [...inputs])
  })
})
