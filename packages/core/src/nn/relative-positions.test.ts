import { enginesUnderTest, expectClose, torchFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { expectGradients, randomTensor } from '../ops/gradient-check.fixture'
import { GatedRelativeAttention } from './gated-relative-attention'
import { Initializer } from './initializer'
import { inference } from './module'
import {
  byRelativePosition,
  RelativePositionBias,
  RelativePositionKeys,
  relativePositionBucket,
} from './relative-positions'
import { TransformerEncoder } from './transformer-encoder'

describe('relativePositionBucket', () => {
  it('gives small distances a bucket each, larger ones by logarithm, and keys after the query the upper half', () => {
    const bucket = (offset: number) => relativePositionBucket(offset, { buckets: 32, maxDistance: 128 })
    expect([0, -1, -7].map(bucket)).toEqual([0, 1, 7])
    expect([1, 7].map(bucket)).toEqual([17, 23])
    // 8 + floor(8 log(d / 8) / log(16)): 11 is the last of bucket 8, 16 the first of bucket 10.
    expect([-8, -11, -12, -15, -16, -31, -32, -64, -127, -128, -5000].map(bucket)).toEqual([
      8, 8, 9, 9, 10, 11, 12, 14, 15, 15, 15,
    ])
    expect(bucket(5000)).toBe(31)
  })
})

describe.each(enginesUnderTest())('relative positions on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  const time = 5

  it('are taken to positions: entry (q, k) is that of offset k - q', () => {
    const x = randomTensor([2, 3, time, 2 * time - 1], 1)
    const values = x.arraySync() as number[][][][]
    const expected = values.flatMap((heads) =>
      heads.flatMap((rows) => rows.flatMap((row, q) => Array.from({ length: time }, (_, k) => row[k - q + time - 1]!))),
    )
    expectClose(byRelativePosition(x), expected, { relative: 0 })
    expectGradients((y) => byRelativePosition(y!), [randomTensor([1, 1, 3, 5], 2)], { step: 0.5, relative: 1e-5 })
    expect(() => byRelativePosition(tf.zeros([1, 1, 3, 4]))).toThrow('offsets')
  })

  it('have a bias for each head and bucket', () => {
    const buckets = { buckets: 8, maxDistance: 6 }
    const bias = new RelativePositionBias(3, buckets, new Initializer(1))
    const table = bias.weight.arraySync() as number[][]
    const expected = [0, 1, 2].flatMap((head) =>
      Array.from(
        { length: time * time },
        (_, i) => table[relativePositionBucket((i % time) - Math.floor(i / time), buckets)]![head]!,
      ),
    )
    expectClose(bias.forward(time), expected, { relative: 0 })
  })

  it('have keys that are clipped at the distance they know', () => {
    const keys = new RelativePositionKeys(2, 3, new Initializer(1))
    const table = keys.peK.weight.arraySync() as number[][]
    // Offsets key - query from -4 to 4 are query - key from 4 to -4, clipped to [-3, 2], and counted from 0.
    expectClose(
      keys.forward(5),
      [5, 5, 5, 4, 3, 2, 1, 0, 0].flatMap((row) => table[row]!),
      { relative: 0 },
    )
  })

  it('as normalised keys in a pre-norm layer have the values and gradients of PyTorch', () => {
    const fixture = torchFixture('relative-keys')
    const relativePositions = { kind: 'keys', maxDistance: 4, norm: true } as const
    const sizes = { hiddenSize: 12, heads: 3, intermediateSize: 10, layers: 1, preNorm: true }
    const encoder = new TransformerEncoder({ ...sizes, relativePositions }, Initializer.empty())
    const rename = (name: string) => (name.startsWith('pe_k') ? `embed_positions.${name}` : `layers.0.${name}`)
    encoder.loadStateDict(fixture.weights('', rename), { ignore: (name) => /^layer_norm/.test(name) })
    const parameters = [...encoder.namedParameters()].filter(([name]) => !/^layer_norm/.test(name))
    const forward = (x: tf.Tensor, mask: tf.Tensor) =>
      encoder.forward(x as tf.Tensor3D, inference, mask).hiddenStates[1]!
    const step = compile((x: tf.Tensor, mask: tf.Tensor, weights: tf.Tensor) => {
      const loss = (t: tf.Tensor) => tf.sum(tf.mul(forward(t, mask), weights)) as tf.Scalar
      const variables = parameters.map(([, variable]) => variable)
      const { grads } = tf.variableGrads(() => loss(x), variables)
      return { y: forward(x, mask), input: tf.grad(loss)(x), gradients: variables.map(({ name }) => grads[name]!) }
    })
    const { y, input, gradients } = step(fixture.input('x'), fixture.input('mask'), fixture.input('loss_weights'))
    fixture.compare('y', y)
    fixture.compare('grad_input', input)
    const ours = new Map(parameters.map(([name], i) => [name, gradients[i]!]))
    expect(fixture.names('grad.').length).toBe(ours.size)
    for (const name of fixture.names('grad.')) {
      // The softmax does not change when all keys move together.
      const absolute = /(k_proj|norm_k)\.bias/.test(name) ? 1e-5 : 0
      fixture.compare(name, ours.get(rename(name.slice('grad.'.length)))!, { absolute })
    }
  })

  it('gate the bias of each query, and without a bias leave attention as it is', () => {
    const attention = new GatedRelativeAttention(6, 2, new Initializer(1))
    const x = randomTensor<tf.Tensor3D>([1, 3, 6], 1)
    const bias = randomTensor<tf.Tensor4D>([1, 2, 3, 3], 2)
    const plain = attention.forward(x, inference)
    expectClose(attention.forward(x, inference, { positionBias: tf.zeros([1, 2, 3, 3]) }), plain, { relative: 1e-6 })
    expectGradients(
      (y, b) => attention.forward(y as tf.Tensor3D, inference, { positionBias: b as tf.Tensor4D }),
      [x, bias],
      {
        relative: 1e-3,
      },
    )
  })
})
