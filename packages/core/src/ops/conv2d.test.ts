import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import type * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Conv2dOptions, conv2d } from './conv2d'
import { expectGradients, randomTensor } from './gradient-check.fixture'

const pair = (value: number | readonly [number, number] = 0) => (typeof value === 'number' ? [value, value] : value)

/** The definition, in float64. */
const reference = (x: tf.Tensor4D, w: tf.Tensor4D, options: Conv2dOptions): number[] => {
  const [strideHeight, strideWidth] = pair(options.stride ?? 1) as [number, number]
  const [padHeight, padWidth] = pair(options.padding) as [number, number]
  const [batch, height, width, channels] = x.shape
  const [out, , kernelHeight, kernelWidth] = w.shape
  const [xs, ws] = [x.dataSync(), w.dataSync()]
  const result: number[] = []
  for (let b = 0; b < batch; b++)
    for (let row = 0; row * strideHeight + kernelHeight <= height + 2 * padHeight; row++)
      for (let column = 0; column * strideWidth + kernelWidth <= width + 2 * padWidth; column++)
        for (let o = 0; o < out; o++) {
          let sum = 0
          for (let i = 0; i < kernelHeight; i++)
            for (let j = 0; j < kernelWidth; j++) {
              const [y, z] = [row * strideHeight + i - padHeight, column * strideWidth + j - padWidth]
              if (y < 0 || y >= height || z < 0 || z >= width) continue
              for (let c = 0; c < channels; c++)
                sum +=
                  xs[((b * height + y) * width + z) * channels + c]! *
                  ws[((o * channels + c) * kernelHeight + i) * kernelWidth + j]!
            }
          result.push(sum)
        }
  return result
}

const cases: [string, [number, number], [number, number], Conv2dOptions][] = [
  ['3 x 3, padded', [5, 6], [3, 3], { padding: 1 }],
  ['3 x 3, stride 2, odd sides', [7, 5], [3, 3], { stride: 2, padding: 1 }],
  ['3 x 3, stride 2, even sides (the last row and column belong to no window)', [6, 8], [3, 3], { stride: 2 }],
  ['1 x 1, stride 2', [5, 6], [1, 1], { stride: 2 }],
  ['7 x 7, stride 2, padding 3', [8, 9], [7, 7], { stride: 2, padding: 3 }],
  ['uneven kernel, strides and padding', [7, 8], [2, 3], { stride: [1, 3], padding: [0, 2] }],
]

describe.each(enginesUnderTest())('conv2d on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each(cases)('%s: values are the definition, gradients the central differences', (_, sides, kernel, options) => {
    const x = randomTensor<tf.Tensor4D>([2, ...sides, 3], 1)
    const w = randomTensor<tf.Tensor4D>([4, 3, ...kernel], 2)
    expectClose(conv2d(x, w, options), reference(x, w, options), { relative: 1e-6 })
    // Linear in each: a long step costs no accuracy.
    expectGradients((a, b) => conv2d(a as tf.Tensor4D, b as tf.Tensor4D, options), [x, w], {
      step: 0.5,
      relative: 1e-5,
    })
  })

  it('refuses channels that do not fit and images smaller than the kernel', () => {
    const w = randomTensor<tf.Tensor4D>([4, 3, 3, 3], 2)
    expect(() => conv2d(randomTensor<tf.Tensor4D>([1, 9, 9, 2], 1), w)).toThrow(/2 channels does not fit/)
    expect(() => conv2d(randomTensor<tf.Tensor4D>([1, 9, 2, 3], 1), w)).toThrow(/smaller than the kernel/)
  })
})
