import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, noise, of } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('grey-scale dilation', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it.each([
    [1, 'same', 1],
    [2, 'valid', 1],
    [[2, 1], 'same', 1],
    [1, 'valid', [2, 1]],
    [1, 'same', 2],
  ] as const)('stride %s, padding %s, taps %s apart, with gradients', async (stride, pad, dilation) => {
    const dilate = (x: tf.Tensor, w: tf.Tensor) =>
      tf.dilation2d(x as tf.Tensor4D, w as tf.Tensor3D, stride as number, pad, dilation as number)
    const inputs = [noise([2, 6, 5, 3]), noise([2, 3, 3], 2)]
    await expectAsOnCpu((x, w) => dilate(x!, w!), inputs)
    await expectAsOnCpu(gradients(dilate as (...xs: tf.Tensor[]) => tf.Tensor), inputs)
  })

  it('gives the gradient to the first of equal values', async () => {
    await expectAsOnCpu(
      gradients((x, w) => tf.dilation2d(x as tf.Tensor4D, w as tf.Tensor3D, 1, 'valid')),
      [of([1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 3, 3, 1]), of([0, 0, 0, 0], [2, 2, 1])],
    )
  })
})
