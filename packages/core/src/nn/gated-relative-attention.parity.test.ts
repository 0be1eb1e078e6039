// The encoder of Hugging Face's WavLM with a CTC head: see packages/core/fixtures/blocks.
import { blockFixture, enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { ctc } from '../losses/index'
import { Initializer } from './initializer'
import { Linear } from './linear'
import { Module } from './module'
import { TransformerEncoder } from './transformer-encoder'

const [hidden, batch, frames] = [48, 2, 32]
const fixture = blockFixture('wavlm-ctc')

class Model extends Module {
  readonly encoder: TransformerEncoder
  readonly maskedSpecEmbed: tf.Variable
  readonly lmHead: Linear

  constructor(init: Initializer) {
    super()
    const relativePositions = { kind: 'gated', buckets: 16, maxDistance: 24 } as const
    const positionalConv = { kernel: 16, groups: 4 }
    const sizes = { layers: 2, hiddenSize: hidden, heads: 4, intermediateSize: 64 }
    this.encoder = new TransformerEncoder({ ...sizes, relativePositions, positionalConv }, init)
    this.maskedSpecEmbed = init.constant([hidden], 0)
    this.lmHead = new Linear(hidden, 13, init)
  }
}

describe.each(enginesUnderTest())('GatedRelativeAttention in a TransformerEncoder on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterAll(() => {
    if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, fixture.worst)
  })

  it('has the states, loss and gradients of WavLM', () => {
    const model = new Model(Initializer.empty())
    model.loadStateDict(fixture.weights('', (name) => name.replace('wavlm.', '')))
    const parameters = model.namedParameters()
    const inputs = {
      projected: fixture.given('train.feature_projection'),
      timeMask: tf.cast(fixture.input('mask_time_indices'), 'float32'),
      featureMask: tf.cast(fixture.input('mask_feature_indices'), 'float32'),
      lengths: fixture.given('input_frame_lengths'),
      labels: fixture.input('labels'),
    }
    const step = compile(({ projected, timeMask, featureMask, lengths, labels }: typeof inputs) => {
      const kept: Record<string, tf.Tensor> = {}
      const { value, grads } = tf.variableGrads(() => {
        const masked = tf.reshape(timeMask, [batch, frames, 1])
        const filled = tf.add(tf.mul(projected, tf.sub(1, masked)), tf.mul(masked, model.maskedSpecEmbed))
        const x = tf.mul(filled, tf.reshape(tf.sub(1, featureMask), [batch, 1, hidden])) as tf.Tensor3D
        const valid = tf.less(tf.range(0, frames, 1, 'int32'), tf.reshape(lengths, [batch, 1]))
        const { hiddenStates, lastHiddenState } = model.encoder.forward(x, { training: true }, valid)
        const logits = model.lmHead.forward(lastHiddenState)
        for (const [i, state] of hiddenStates.entries()) kept[`train.hidden_states.${i}`] = tf.keep(state)
        kept.logits = tf.keep(logits)
        const common = { blankId: 0, reduction: 'mean', zeroInfinity: true } as const
        return ctc({ ...common, logits, labels: labels as tf.Tensor2D, inputLengths: lengths as tf.Tensor1D })
      }, [...parameters.values()])
      return { kept: { ...kept, loss: value }, gradients: [...parameters.values()].map((v) => grads[v.name]!) }
    })
    const { kept, gradients } = step(inputs)
    for (const [key, tensor] of Object.entries(kept)) fixture.compare(key, tensor)
    expect(fixture.names('grad.').length).toBe(parameters.size)
    for (const [i, name] of [...parameters.keys()].entries()) {
      const key = /^lm_head/.test(name) ? `grad.${name}` : `grad.wavlm.${name}`
      fixture.compare(key, gradients[i]!, { relative: 5e-5, absolute: /k_proj\.bias/.test(name) ? 1e-5 : 0 })
    }
    model.dispose()
  })
})
