import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import type * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Conv1dOptions, conv1d } from './conv1d'
import { expectGradients, randomTensor } from './gradient-check.fixture'

/** The definition, in float64. */
const reference = (x: tf.Tensor3D, w: tf.Tensor3D, options: Conv1dOptions): number[] => {
  const { stride = 1, groups = 1, dilation = 1, padding = 0 } = options
  const [low, high] = typeof padding === 'number' ? [padding, padding] : padding
  const [batch, time, channels] = x.shape
  const [out, perGroup, kernel] = w.shape
  const [xs, ws] = [x.dataSync(), w.dataSync()]
  const frames = Math.floor((time + low + high - dilation * (kernel - 1) - 1) / stride) + 1
  const result: number[] = []
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < frames; t++) {
      for (let o = 0; o < out; o++) {
        const group = Math.floor(o / (out / groups))
        let sum = 0
        for (let k = 0; k < kernel; k++) {
          const at = t * stride + k * dilation - low
          if (at < 0 || at >= time) continue
          for (let i = 0; i < perGroup; i++)
            sum += xs[(b * time + at) * channels + group * perGroup + i]! * ws[(o * perGroup + i) * kernel + k]!
        }
        result.push(sum)
      }
    }
  }
  return result
}

const cases: [string, number, number, number, number, Conv1dOptions][] = [
  // name, time, in, out, kernel, options
  ['plain', 9, 3, 4, 3, {}],
  ['stride 2 kernel 3', 12, 3, 4, 3, { stride: 2 }],
  ['stride 2 kernel 3, odd length', 13, 3, 4, 3, { stride: 2 }],
  ['stride 2 kernel 2', 11, 3, 4, 2, { stride: 2 }],
  ['stride 3 kernel 7, padded', 17, 2, 3, 7, { stride: 3, padding: [2, 1] }],
  ['stride longer than the kernel', 14, 2, 3, 2, { stride: 4 }],
  ['one channel, stride 5 kernel 10', 31, 1, 4, 10, { stride: 5 }],
  ['one channel, padded', 12, 1, 3, 4, { stride: 2, padding: 2 }],
  ['grouped, padded', 10, 6, 4, 4, { groups: 2, padding: [2, 1] }],
  ['grouped, stride 2', 11, 4, 6, 3, { groups: 2, stride: 2 }],
  ['depthwise', 9, 4, 4, 5, { groups: 4, padding: 2 }],
  ['dilated', 14, 3, 2, 3, { dilation: 3, padding: 1 }],
  ['dilated, grouped, strided', 15, 4, 4, 3, { dilation: 2, groups: 2, stride: 2 }],
]

describe.each(enginesUnderTest())('conv1d on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each(cases)(
    '%s: values are the definition, gradients the central differences',
    (_, time, inChannels, outChannels, kernel, options) => {
      const x = randomTensor<tf.Tensor3D>([2, time, inChannels], 1)
      const w = randomTensor<tf.Tensor3D>([outChannels, inChannels / (options.groups ?? 1), kernel], 2)
      expectClose(conv1d(x, w, options), reference(x, w, options), { relative: 1e-6 })
      // Linear in each: a long step costs no accuracy.
      expectGradients((a, b) => conv1d(a as tf.Tensor3D, b as tf.Tensor3D, options), [x, w], {
        step: 0.5,
        relative: 1e-5,
      })
    },
  )

  it('refuses channels that do not fit and signals shorter than the kernel', () => {
    const w = randomTensor<tf.Tensor3D>([4, 3, 3], 2)
    expect(() => conv1d(randomTensor<tf.Tensor3D>([1, 9, 2], 1), w)).toThrow(/2 channels does not fit/)
    expect(() => conv1d(randomTensor<tf.Tensor3D>([1, 2, 3], 1), w)).toThrow(/fewer than the kernel/)
  })
})
