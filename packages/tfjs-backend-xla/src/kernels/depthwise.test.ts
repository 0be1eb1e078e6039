import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, noise } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('depthwise convolutions', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  const depthwise =
    (stride: number, pad: 'same' | 'valid' | number, dilation = 1) =>
    (x: tf.Tensor, w: tf.Tensor) =>
      tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, 'NHWC', dilation)

  it.each([
    ['one filter a channel', [3, 2, 3, 1]],
    ['two filters a channel', [2, 3, 3, 2]],
    ['more taps than are written out', [12, 11, 3, 2]],
  ] as const)('with %s, and its gradients', async (_, filter) => {
    for (const [stride, pad] of [
      [1, 'same'],
      [2, 'same'],
      [2, 6],
    ] as const) {
      const conv = depthwise(stride, pad)
      const inputs = [noise([2, 7, 6, 3]), noise(filter, 2)]
      await expectAsOnCpu((x, w) => conv(x!, w!), inputs, 2e-5)
      await expectAsOnCpu(
        gradients((x, w) => conv(x!, w!)),
        inputs,
        2e-5,
      )
    }
  })

  it('with taps apart', async () => {
    const conv = depthwise(1, 'same', 2)
    await expectAsOnCpu((x, w) => conv(x!, w!), [noise([1, 7, 8, 2]), noise([3, 3, 2, 2], 2)], 2e-5)
  })

  it('fused with a bias and an activation', async () => {
    await expectAsOnCpu(
      (x, filter, bias) =>
        tf.fused.depthwiseConv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          strides: 1,
          pad: 'same',
          bias: bias!,
          activation: 'relu6',
        }),
      [noise([1, 5, 5, 2]), noise([3, 3, 2, 2], 2), noise([4], 3)],
      2e-5,
    )
  })
})
