import { enginesUnderTest, expectClose, expectGradients, randomTensor, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { gelu } from './gelu'
import { groupNorm } from './group-norm'
import { layerNorm } from './layer-norm'
import { scaleGradient } from './scale-gradient'
import { stopGradient } from './stop-gradient'

describe.each(enginesUnderTest())('pointwise and normalising ops on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('gelu is x Φ(x)', () => {
    // Φ from tables: Φ(1) = 0.8413447, Φ(-2) = 0.0227501.
    expectClose(gelu(tf.tensor1d([0, 1, -2])), [0, 0.8413447, -0.0455003], { absolute: 1e-6 })
    expectGradients((x) => gelu(x), [randomTensor<tf.Rank.R2>([3, 5], 1)])
  })

  it('layerNorm has mean 0 and variance 1 before scale and shift, and the right gradients', () => {
    const x = randomTensor<tf.Rank.R3>([2, 3, 6], 1)
    const plain = layerNorm(x, tf.ones([6]), tf.zeros([6]), 0)
    expectClose(tf.mean(plain, -1), new Float32Array(6), { absolute: 1e-6 })
    expectClose(tf.mean(tf.square(plain), -1), new Float32Array(6).fill(1), { relative: 1e-5 })
    expectGradients((a, w, b) => layerNorm(a, w, b, 1e-5), [x, randomTensor<tf.Rank.R1>([6], 2), randomTensor<tf.Rank.R1>([6], 3)])
  })

  it.each([1, 2, 4])('groupNorm with %i groups of 4 channels has the right gradients, with and without a mask', (groups) => {
    const inputs = [randomTensor<tf.Rank.R3>([2, 5, 4], 1), randomTensor<tf.Rank.R1>([4], 2), randomTensor<tf.Rank.R1>([4], 3)]
    const mask = tf.tensor2d([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    expectGradients((x, w, b) => groupNorm(x as tf.Tensor3D, w, b, { groups, eps: 1e-5 }), inputs)
    expectGradients((x, w, b) => groupNorm(x as tf.Tensor3D, w, b, { groups, eps: 1e-5, mask }), inputs)
  })

  it('groupNorm with a mask gives valid frames what they get without the padding', () => {
    const x = randomTensor<tf.Rank.R3>([1, 7, 4], 1)
    const [w, b] = [tf.ones([4]), tf.zeros([4])]
    const alone = groupNorm(tf.slice(x, [0, 0, 0], [1, 5, 4]), w, b, { groups: 2, eps: 1e-5 })
    const padded = groupNorm(x, w, b, { groups: 2, eps: 1e-5, mask: tf.tensor2d([[1, 1, 1, 1, 1, 0, 0]]) })
    expectClose(tf.slice(padded, [0, 0, 0], [1, 5, 4]), alone, { relative: 1e-6 })
  })

  it('scaleGradient and stopGradient change the gradient alone', () => {
    const x = tf.tensor1d([1, 2, 3])
    const slope = (fn: (x: tf.Tensor) => tf.Tensor) => Array.from(tf.grad((t: tf.Tensor) => tf.sum(tf.mul(fn(t), t)))(x).dataSync())
    expect(Array.from(scaleGradient(x, 0.5).dataSync())).toEqual([1, 2, 3])
    expect(slope((t) => scaleGradient(t, 0.5))).toEqual([1.5, 3, 4.5])
    expect(slope((t) => scaleGradient(t, 0))).toEqual([1, 2, 3])
    expect(slope((t) => stopGradient(t))).toEqual([1, 2, 3])
  })
})
