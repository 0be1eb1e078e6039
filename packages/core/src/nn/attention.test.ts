import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, expectParameterGradients, randomTensor } from '../ops/gradient-check.fixture'
import { Rng } from '../random/index'
import { MultiHeadAttention } from './attention'
import { Initializer } from './initializer'
import type { Linear } from './linear'
import { inference } from './module'

const [batch, time, width, heads] = [2, 5, 6, 2]

/** Softmax(q kᵀ / sqrt(d)) v head by head, in float64; keys from `valid[b]` on are left out. */
const direct = (attention: MultiHeadAttention, x: tf.Tensor, valid: readonly number[]): Float64Array => {
  const project = (values: ArrayLike<number>, { weight, bias }: Linear) => {
    const [w, b] = [weight.dataSync(), bias!.dataSync()]
    const rows = values.length / width
    return Float64Array.from({ length: rows * width }, (_, i) => {
      const [row, out] = [Math.floor(i / width), i % width]
      let sum = b[out]!
      for (let j = 0; j < width; j++) sum += values[row * width + j]! * w[out * width + j]!
      return sum
    })
  }
  const [q, k, v] = [attention.qProj, attention.kProj, attention.vProj].map((part) => project(x.dataSync(), part)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  const d = width / heads
  const mixed = new Float64Array(batch * time * width)
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      for (let t = 0; t < time; t++) {
        const at = (frame: number, i: number) => (b * time + frame) * width + head * d + i
        const scores = Array.from(
          { length: valid[b]! },
          (_, s) =>
            Array.from({ length: d }, (_, i) => q[at(t, i)]! * k[at(s, i)]!).reduce((a, c) => a + c) / Math.sqrt(d),
        )
        const weights = scores.map(Math.exp)
        const total = weights.reduce((a, c) => a + c)
        for (let i = 0; i < d; i++)
          mixed[at(t, i)] = weights.reduce((sum, weight, s) => sum + (weight / total) * v[at(s, i)]!, 0)
      }
    }
  }
  return project(mixed, attention.outProj)
}

describe.each(enginesUnderTest())('MultiHeadAttention on %s', (engine) => {
  let attention: MultiHeadAttention
  beforeAll(async () => {
    await useEngine(engine)
    attention = new MultiHeadAttention(width, heads, new Initializer(1))
  })
  const bias = () => tf.tensor([0, 0, 0, 0, 0, 0, 0, 0, -1e30, -1e30], [batch, 1, 1, time])

  it('mixes values by the softmax of scaled products, head by head', () => {
    const x = randomTensor<tf.Tensor3D>([batch, time, width], 1)
    expectClose(attention.forward(x, inference), direct(attention, x, [5, 5]), { relative: 2e-6 })
  })

  it('leaves out keys with a large negative bias', () => {
    const x = randomTensor<tf.Tensor3D>([batch, time, width], 2)
    expectClose(attention.forward(x, inference, { attentionBias: bias() }), direct(attention, x, [5, 3]), {
      relative: 2e-6,
    })
  })

  it('has the gradients of its values, for inputs and parameters', () => {
    const x = randomTensor<tf.Tensor3D>([batch, time, width], 3)
    const attentionBias = bias()
    expectGradients((y) => attention.forward(y as tf.Tensor3D, inference, { attentionBias }), [x], { relative: 5e-4 })
    // The softmax does not change when all keys move together: the gradient of their bias is rounding noise.
    const parameters = attention.namedParameters()
    expectParameterGradients(parameters, () => attention.forward(x, inference, { attentionBias }), {
      relative: 5e-4,
      absolute: 2e-5,
    })
  })

  it('drops attention weights in training', () => {
    const dropping = new MultiHeadAttention(width, heads, new Initializer(1), { dropout: 0.5 })
    const x = randomTensor<tf.Tensor3D>([batch, time, width], 1)
    const [plain, dropped] = [inference, { training: true, rng: Rng.fromSeed(1) }].map((context) =>
      dropping.forward(x, context).dataSync(),
    )
    expect(dropped).not.toEqual(plain)
    expect(() => dropping.forward(x, { training: true })).toThrow('rng')
  })

  it('refuses a width that its heads do not divide', () => {
    expect(() => new MultiHeadAttention(6, 4, new Initializer(1))).toThrow('4 heads')
  })
})
