import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { randomTensor } from '../ops/gradient-check.fixture'
import { Rng } from '../random/index'
import { Initializer } from './initializer'
import { inference } from './module'
import { TransformerDecoder, type TransformerDecoderOptions } from './transformer-decoder'

const make = (options: Partial<TransformerDecoderOptions> = {}) =>
  new TransformerDecoder(
    { layers: 2, hiddenSize: 4, heads: 2, intermediateSize: 6, std: 0.5, ...options },
    new Initializer(1),
  )

describe.each(enginesUnderTest())('TransformerDecoder on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  const x = () => randomTensor<tf.Tensor3D>([1, 4, 4], 1)
  const seen = () => randomTensor<tf.Tensor3D>([1, 5, 4], 2)

  it.each([false, true])('shows no token what comes after it, nor padded frames (preNorm: %s)', (preNorm) => {
    const decoder = make({ preNorm })
    const encoderMask = tf.tensor2d([[1, 1, 1, 0, 0]])
    const run = compile(
      (y: tf.Tensor3D, states: tf.Tensor3D) =>
        decoder.forward(y, inference, { encoderHiddenStates: states, encoderMask }).lastHiddenState,
    )
    const first = (t: tf.Tensor3D) => tf.slice(t, [0, 0, 0], [1, 3, 4])
    const moved = tf.add(x(), tf.tensor3d([0, 0, 0, 5], [1, 4, 1])) as tf.Tensor3D
    const otherPadding = tf.add(seen(), tf.tensor3d([0, 0, 0, 5, 5], [1, 5, 1])) as tf.Tensor3D
    const plain = run(x(), seen())
    expectClose(first(run(moved, seen())), first(plain), { relative: 1e-6 })
    expectClose(run(x(), otherPadding), plain, { relative: 1e-6 })
    expect(Array.from(run(moved, seen()).dataSync())).not.toEqual(Array.from(plain.dataSync()))
  })

  it('gives cross-attention weights that sum to one over the valid frames', () => {
    const encoderMask = tf.tensor2d([[1, 1, 1, 0, 0]])
    const decoder = make()
    const run = compile(
      (y: tf.Tensor3D, encoderHiddenStates: tf.Tensor3D) =>
        decoder.forward(y, inference, { encoderHiddenStates, encoderMask }).crossAttentions,
    )
    const crossAttentions = run(x(), seen())
    expect(crossAttentions.map(({ shape }) => shape)).toEqual([
      [1, 2, 4, 5],
      [1, 2, 4, 5],
    ])
    const [weights] = crossAttentions
    expectClose(tf.sum(tf.slice(weights!, [0, 0, 0, 0], [1, 2, 4, 3]), -1), Array(8).fill(1), { relative: 1e-6 })
  })

  it('takes memory of another width, and works without any', () => {
    const decoder = make({ memorySize: 3 })
    const states = randomTensor<tf.Tensor3D>([1, 5, 3], 2)
    const run = compile((y: tf.Tensor3D, memory: tf.Tensor3D) => {
      const informed = decoder.forward(y, inference, { encoderHiddenStates: memory }).lastHiddenState
      const { lastHiddenState, crossAttentions } = decoder.forward(y, inference)
      const token = tf.slice(y, [0, 0, 0], [1, 1, 4])
      const { output, cache } = decoder.step(token, tf.scalar(0, 'int32'), decoder.emptyCache(1, 6))
      return { informed, alone: lastHiddenState, crossAttentions, output, cache }
    })
    const { informed, alone, crossAttentions, output, cache } = run(x(), states)
    expect(informed.shape).toEqual([1, 4, 4])
    expect(crossAttentions).toEqual([])
    expectClose(output, tf.slice(alone, [0, 0, 0], [1, 1, 4]), { relative: 2e-6 })
    expect(cache.layers.map(({ key }) => key.shape)).toEqual([
      [1, 2, 6, 2],
      [1, 2, 6, 2],
    ])
  })

  it('goes on from rows of the cache that were put in another order, as a beam search does', () => {
    const decoder = make({ preNorm: true })
    const [a, b, next] = [1, 2, 3].map((seed) => randomTensor<tf.Tensor3D>([1, 1, 4], seed)) as [
      tf.Tensor3D,
      tf.Tensor3D,
      tf.Tensor3D,
    ]
    const run = compile((first: tf.Tensor3D, second: tf.Tensor3D, third: tf.Tensor3D, states: tf.Tensor3D) => {
      const memory = decoder.memory(tf.tile(states, [2, 1, 1]))
      const both = decoder.step(tf.concat([first, second]), tf.scalar(0, 'int32'), decoder.emptyCache(2, 3), memory)
      const swap = (t: tf.Tensor4D) => tf.gather(t, tf.tensor1d([1, 1], 'int32')) as tf.Tensor4D
      const cache = { layers: both.cache.layers.map(({ key, value }) => ({ key: swap(key), value: swap(value) })) }
      const { output } = decoder.step(tf.tile(third, [2, 1, 1]), tf.scalar(1, 'int32'), cache, memory)
      const tokens = tf.concat([second, third], 1)
      return { output, whole: decoder.forward(tokens, inference, { encoderHiddenStates: states }).lastHiddenState }
    })
    const { output, whole } = run(a, b, next, seen())
    const last = tf.slice(whole, [0, 1, 0], [1, 1, 4])
    expectClose(output, tf.concat([last, last]), { relative: 2e-6 })
  })

  it('leaves layers out in training with probability layerDrop', () => {
    const decoder = make({ layers: 3, layerDrop: 0.3 })
    const run = compile((y: tf.Tensor3D, key: tf.Tensor1D) => {
      const { hiddenStates } = decoder.forward(y, { training: true, rng: new Rng(key) })
      return tf.stack(hiddenStates.slice(1).map((state, i) => tf.all(tf.equal(state, hiddenStates[i]!))))
    })
    const dropped = Array.from({ length: 60 }, (_, seed) =>
      Array.from(run(x(), Rng.fromSeed(seed).key).dataSync()),
    ).flat()
    const share = dropped.reduce((sum, one) => sum + Number(one), 0) / dropped.length
    expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / 180))
  })
})
