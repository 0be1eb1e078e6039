import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, type Input, noise } from './testing'

const positive = (shape: readonly number[]): Input => {
  const input = noise(shape, 5)
  return { ...input, values: input.values.map((x) => Math.abs(x) + 0.1) }
}

describe.skipIf(!findPlugin({ device: 'cpu' }))('normalisation', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  const batchNorm = (x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, offset?: tf.Tensor, scale?: tf.Tensor) =>
    tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, offset as tf.Tensor1D, scale as tf.Tensor1D, 0.01)

  it('by batch statistics, with and without scale and offset, with gradients', async () => {
    const inputs = [noise([2, 3, 4, 5]), noise([5], 2), positive([5]), noise([5], 3), noise([5], 4)]
    const full = (...xs: tf.Tensor[]) => batchNorm(...(xs as Parameters<typeof batchNorm>))
    await expectAsOnCpu(full, inputs, 1e-5)
    await expectAsOnCpu(full, inputs.slice(0, 3), 1e-5)
    await expectAsOnCpu(gradients(full), inputs, 1e-4)
  })

  it('by statistics of every element', async () => {
    await expectAsOnCpu(
      (x, mean, variance) => batchNorm(x!, mean!, variance!),
      [noise([2, 3, 4, 5]), noise([2, 3, 4, 5], 2), positive([2, 3, 4, 5])],
      1e-5,
    )
  })

  it('refuses statistics of different ranks', () => {
    expect(() => tf.batchNorm4d(tf.ones([1, 1, 1, 2]), tf.tensor1d([0, 0]), tf.tensor4d([1, 1], [1, 1, 1, 2]))).toThrow(
      /equal ranks/,
    )
  })

  it.each([1, 2, 9])('of the local response over %s channels to each side, with gradients', async (radius) => {
    const lrn = (x: tf.Tensor) => tf.localResponseNormalization(x as tf.Tensor4D, radius, 1.5, 0.7, 0.6)
    await expectAsOnCpu((x) => lrn(x!), [noise([1, 2, 3, 6])], 1e-5)
    await expectAsOnCpu(gradients(lrn), [noise([1, 2, 3, 6])], 1e-5)
  })
})
