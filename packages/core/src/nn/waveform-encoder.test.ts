import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectParameterGradients, randomTensor } from '../ops/gradient-check.fixture'
import { Initializer } from './initializer'
import { convOutputLength, convReceptiveField, WaveformEncoder } from './waveform-encoder'

/** wav2vec 2.0's own geometry. */
const kernels = [10, 3, 3, 3, 3, 2, 2]
const strides = [5, 2, 2, 2, 2, 2, 2]
const small = { channels: [4, 4, 3], kernels: [10, 3, 2], strides: [5, 2, 2] }

describe('the geometry of a waveform encoder', () => {
  it('gives 49 frames for a second, each seeing 400 samples', () => {
    expect(convOutputLength(16_000, kernels, strides)).toBe(49)
    expect(convReceptiveField(kernels, strides)).toBe(400)
    expect([399, 400, 719, 720].map((length) => convOutputLength(length, kernels, strides))).toEqual([0, 1, 1, 2])
  })
})

describe.each(enginesUnderTest())('WaveformEncoder on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('names its parameters as Hugging Face does, for both norms', () => {
    const names = (norm: 'group' | 'layer', bias: boolean) => [
      ...new WaveformEncoder({ ...small, norm, bias }, Initializer.empty()).namedParameters().keys(),
    ]
    const convolutions = [0, 1, 2].map((i) => `conv_layers.${i}.conv.weight`)
    expect(names('group', false).sort()).toEqual(
      [...convolutions, 'conv_layers.0.layer_norm.bias', 'conv_layers.0.layer_norm.weight'].sort(),
    )
    expect(names('layer', true).sort()).toEqual(
      [
        ...convolutions,
        ...[0, 1, 2].flatMap((i) =>
          ['conv.bias', 'layer_norm.bias', 'layer_norm.weight'].map((part) => `conv_layers.${i}.${part}`),
        ),
      ].sort(),
    )
  })

  it.each(['group', 'layer'] as const)(
    'with %s norm makes as many frames as the formula says, and has the gradients of its values',
    (norm) => {
      const encoder = new WaveformEncoder({ ...small, norm, bias: norm === 'layer' }, new Initializer(1))
      const samples = randomTensor<tf.Tensor2D>([2, 64], 1)
      const features = encoder.forward(samples)
      expect(features.shape).toEqual([2, convOutputLength(64, small.kernels, small.strides), 3])
      expectParameterGradients(encoder.namedParameters(), () => encoder.forward(samples), {
        relative: 1e-3,
        step: 0.002,
      })
    },
  )

  it('with group norm sees the padding, unless lengths are given', () => {
    const encoder = new WaveformEncoder({ ...small, norm: 'group' }, new Initializer(1))
    const samples = randomTensor<tf.Tensor2D>([1, 65], 1)
    const alone = encoder.forward(samples)
    const padded = tf.pad(
      samples,
      [
        [0, 0],
        [0, 40],
      ],
      7,
    ) as tf.Tensor2D
    const [, frames, channels] = alone.shape
    const head = (lengths?: tf.Tensor1D) => tf.slice(encoder.forward(padded, lengths), [0, 0, 0], [1, frames, channels])
    expectClose(head(tf.tensor1d([65], 'int32')), alone, { relative: 2e-6 })
    expect(() => expectClose(head(), alone, { relative: 1e-2 })).toThrow('differs')
  })
})
