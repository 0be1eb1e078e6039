import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, noise } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('convolutions', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })
  const tolerance = 2e-5

  it.each([
    [1, 'same', 1],
    [2, 'same', 1],
    [2, 'valid', 1],
    [[2, 1], 1, 1],
    [1, 'valid', 2],
  ] as const)(
    'in two dimensions, stride %s, padding %s, dilation %s, with gradients',
    async (stride, pad, dilation) => {
      const conv = (x: tf.Tensor, w: tf.Tensor) =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride as number, pad, 'NHWC', dilation)
      const inputs = [noise([2, 7, 6, 3]), noise([3, 2, 3, 4], 2)]
      await expectAsOnCpu((x, w) => conv(x!, w!), inputs, tolerance)
      // TensorFlow.js has no gradients of dilated convolutions.
      if (dilation === 1)
        await expectAsOnCpu(
          gradients((x, w) => conv(x!, w!)),
          inputs,
          tolerance,
        )
    },
  )

  it('round the size of the output up where asked', async () => {
    await expectAsOnCpu(
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 1, 'NHWC', 1, 'ceil'),
      [noise([1, 6, 6, 2]), noise([3, 3, 2, 2], 2)],
      tolerance,
    )
  })

  it('with channels first', async () => {
    await expectAsOnCpu(
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [1, 2], 'same', 'NCHW'),
      [noise([2, 3, 6, 5]), noise([3, 2, 3, 4], 2)],
      tolerance,
    )
  })

  it('transposed, also where the output is smaller than the input', async () => {
    for (const [shape, stride, pad] of [
      [[2, 7, 8, 2], 2, 'same'],
      [[2, 9, 10, 2], 2, 'valid'],
      [[2, 2, 3, 2], 1, 'same'],
    ] as [[number, number, number, number], number, 'same' | 'valid'][]) {
      await expectAsOnCpu(
        (x, w) => tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, shape, stride, pad),
        [noise([2, 4, 4, 3]), noise([3, 3, 2, 3], 2)],
        tolerance,
      )
    }
  })

  it.each(['relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const)(
    'fused with a bias and %s',
    async (activation) => {
      await expectAsOnCpu(
        (x, filter, bias, alpha) =>
          tf.fused.conv2d({
            x: x as tf.Tensor4D,
            filter: filter as tf.Tensor4D,
            strides: 1,
            pad: 'same',
            bias: bias!,
            activation,
            ...(activation === 'prelu' && { preluActivationWeights: alpha! }),
            leakyreluAlpha: 0.1,
          }),
        [noise([1, 4, 4, 2]), noise([3, 3, 2, 3], 2), noise([3], 3), noise([1, 1, 3], 4)],
        tolerance,
      )
    },
  )

  it('fused with channels first: a vector is one value a channel', async () => {
    await expectAsOnCpu(
      (x, filter, bias) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          strides: 1,
          pad: 'same',
          dataFormat: 'NCHW',
          bias: bias!,
          activation: 'relu',
        }),
      [noise([1, 2, 4, 5]), noise([3, 3, 2, 3], 2), noise([3], 3)],
      tolerance,
    )
  })

  it.each([
    [1, 'same'],
    [[1, 2, 2], 'valid'],
    [2, 'same'],
  ] as const)('in three dimensions, stride %s, padding %s, with gradients', async (stride, pad) => {
    const conv = (x: tf.Tensor, w: tf.Tensor) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, stride as number, pad)
    const inputs = [noise([2, 3, 5, 4, 2]), noise([2, 3, 2, 2, 3], 2)]
    await expectAsOnCpu((x, w) => conv(x!, w!), inputs, tolerance)
    await expectAsOnCpu(
      gradients((x, w) => conv(x!, w!)),
      inputs,
      tolerance,
    )
  })

  it('transposed in three dimensions', async () => {
    await expectAsOnCpu(
      (x, w) => tf.conv3dTranspose(x as tf.Tensor5D, w as tf.Tensor5D, [1, 4, 6, 4, 2], 2, 'same'),
      [noise([1, 2, 3, 2, 3]), noise([2, 3, 2, 2, 3], 2)],
      tolerance,
    )
  })
})
