import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, expectParameterGradients, randomTensor } from '../ops/gradient-check.fixture'
import { Rng } from '../random/index'
import { Initializer } from './initializer'
import { inference } from './module'
import { TransformerEncoder } from './transformer-encoder'
import { TransformerEncoderLayer } from './transformer-encoder-layer'

const layer = { hiddenSize: 4, heads: 2, intermediateSize: 6, std: 0.5 }
const encoder = (options: { preNorm?: boolean; layerDrop?: number; dropout?: number } = {}) =>
  new TransformerEncoder(
    { ...layer, layers: 3, positionalConv: { kernel: 4, groups: 2 }, ...options },
    new Initializer(1),
  )

describe.each(enginesUnderTest())('TransformerEncoder on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each([false, true])('names its parameters as Hugging Face does (preNorm: %s)', (preNorm) => {
    const names = [...encoder({ preNorm }).namedParameters().keys()]
    expect(names).toContain('pos_conv_embed.conv.parametrizations.weight.original1')
    expect(names.filter((name) => name.startsWith('layers.2.')).sort()).toEqual(
      ['attention.k_proj', 'attention.out_proj', 'attention.q_proj', 'attention.v_proj']
        .concat(['feed_forward.intermediate_dense', 'feed_forward.output_dense', 'final_layer_norm', 'layer_norm'])
        .flatMap((name) => [`layers.2.${name}.bias`, `layers.2.${name}.weight`]),
    )
  })

  it.each([false, true])('has layers with the gradients of their values (preNorm: %s)', (preNorm) => {
    const one = new TransformerEncoderLayer({ ...layer, preNorm }, new Initializer(1))
    const x = randomTensor<tf.Tensor3D>([2, 3, 4], 1)
    expectGradients((y) => one.forward(y as tf.Tensor3D, inference).output, [x], { relative: 1e-3 })
    // The gradient of k_proj.bias is zero in exact arithmetic.
    expectParameterGradients(one.namedParameters(), () => one.forward(x, inference).output, {
      relative: 1e-3,
      absolute: 1e-4,
    })
  })

  it.each([false, true])('gives valid frames the same whatever lies in the padding (preNorm: %s)', (preNorm) => {
    const model = encoder({ preNorm })
    const mask = tf.tensor2d([[1, 1, 1, 1, 0, 0]])
    const x = randomTensor<tf.Tensor3D>([1, 6, 4], 1)
    const other = tf.add(x, tf.mul(tf.reshape(tf.sub(1, mask), [1, 6, 1]), 5)) as tf.Tensor3D
    const valid = (y: tf.Tensor3D) => tf.slice(model.forward(y, inference, mask).lastHiddenState, [0, 0, 0], [1, 4, 4])
    expectClose(valid(other), valid(x), { relative: 1e-6 })
    // And as much as a mask of ones leaves them alone.
    const ones = model.forward(x, inference, tf.ones([1, 6])).lastHiddenState
    expectClose(ones, model.forward(x, inference).lastHiddenState, { relative: 1e-6 })
  })

  it('keeps the input of layer 0 and each output; with pre-norm the final norm comes after the last of them', () => {
    const x = randomTensor<tf.Tensor3D>([1, 3, 4], 1)
    const post = encoder().forward(x, inference)
    expect(post.hiddenStates.length).toBe(4)
    expect(post.hiddenStates.at(-1)).toBe(post.lastHiddenState)
    const model = encoder({ preNorm: true })
    const pre = model.forward(x, inference)
    expectClose(pre.lastHiddenState, model.layerNorm.forward(pre.hiddenStates.at(-1)!), { relative: 1e-6 })
  })

  it('leaves layers out in training with probability layerDrop, each by a draw of its own', () => {
    const model = encoder({ layerDrop: 0.3 })
    const x = randomTensor<tf.Tensor3D>([1, 2, 4], 1)
    const draws = Array.from({ length: 60 }, (_, seed) =>
      tf.tidy(() => {
        const { hiddenStates } = model.forward(x, { training: true, rng: Rng.fromSeed(seed) })
        const states = hiddenStates.map((state) => state.dataSync().join())
        return states.slice(1).map((state, i) => state === states[i])
      }),
    )
    const dropped = draws.flat().filter(Boolean).length
    expect(Math.abs(dropped / 180 - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / 180))
    expect(new Set(draws.map((draw) => draw.join())).size).toBeGreaterThan(4)
    const { hiddenStates } = model.forward(x, inference)
    expect(new Set(hiddenStates.map((state) => state.dataSync().join())).size).toBe(4)
  })

  it('gives the parameters of a layer that was left out a gradient of zero', () => {
    const model = encoder({ layerDrop: 0.5 })
    const x = randomTensor<tf.Tensor3D>([1, 2, 4], 1)
    const projection = randomTensor([1, 2, 4], 2)
    const weights = model.layers.map((part) => part.feedForward.outputDense.bias!)
    const seen = new Set<string>()
    for (let seed = 0; seed < 8; seed++) {
      const context = () => ({ training: true, rng: Rng.fromSeed(seed) })
      const states = model.forward(x, context()).hiddenStates.map((state) => state.dataSync().join())
      const { grads } = tf.variableGrads(
        () => tf.sum(tf.square(tf.add(model.forward(x, context()).hiddenStates.at(-1)!, projection))),
        weights,
      )
      weights.forEach((weight, i) => {
        const zero = grads[weight.name]!.dataSync().every((value) => value === 0)
        expect(zero).toBe(states[i + 1] === states[i])
        seen.add(String(zero))
      })
    }
    expect(seen.size).toBe(2)
  })
})
