import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, noise, whole } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('counting', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })
  const none = () => tf.tensor1d([], 'float32')

  it('counts values or sums their weights, passing over those beyond the last bin', async () => {
    await expectAsOnCpu((x) => tf.bincount(x as tf.Tensor1D, none(), 5), [whole([40], 8)])
    await expectAsOnCpu(
      (x, w) => tf.bincount(x as tf.Tensor1D, w as tf.Tensor1D, 5),
      [whole([40], 8), noise([40], 2)],
      1e-5,
    )
  })

  it('counts each row of a matrix, or marks what it has', async () => {
    for (const binary of [false, true])
      await expectAsOnCpu(
        (x) => tf.denseBincount(x as tf.Tensor2D, tf.tensor2d([], [0, 0]), 6, binary),
        [whole([4, 9], 8)],
      )
    await expectAsOnCpu(
      (x, w) => tf.denseBincount(x as tf.Tensor2D, w as tf.Tensor2D, 6),
      [whole([4, 9], 8), noise([4, 9], 2)],
      1e-5,
    )
  })

  it('refuses negative values that the host knows', () => {
    expect(() => tf.bincount(tf.tensor1d([1, -1], 'int32'), none(), 3)).toThrow('non-negative')
  })
})
