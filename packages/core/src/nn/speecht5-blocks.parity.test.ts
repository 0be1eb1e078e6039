// Encoder with relative positions, decoder, batch-normalised postnet and losses of Hugging Face's SpeechT5: see packages/core/fixtures/blocks.
import { blockFixture, enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { binaryCrossEntropy, crossEntropy, guidedAttention, l1Loss } from '../losses/index'
import { BatchNorm } from './batch-norm'
import { Conv1d } from './conv1d'
import { Embedding } from './embedding'
import { Initializer } from './initializer'
import { Linear } from './linear'
import { type ForwardContext, Module } from './module'
import { ScaledPositionalEncoding, SinusoidalPositionalEmbedding } from './sinusoidal-positions'
import { TransformerDecoder } from './transformer-decoder'
import { TransformerEncoder } from './transformer-encoder'

const [hiddenSize, mels, reduction, vocabulary, paddingId] = [32, 20, 2, 19, 1]
const sizes = { layers: 2, hiddenSize, heads: 4, intermediateSize: 48 }

const makeEncoder = (init: Initializer) =>
  new TransformerEncoder({ ...sizes, relativePositions: { kind: 'keys', maxDistance: 6 } }, init)

class PostnetLayer extends Module {
  readonly conv: Conv1d
  readonly batchNorm: BatchNorm

  constructor(inputs: number, outputs: number, init: Initializer) {
    super()
    this.conv = new Conv1d(inputs, outputs, 5, init, { padding: 2, bias: false })
    this.batchNorm = new BatchNorm(outputs, init)
  }
}

class Postnet extends Module {
  readonly featOut: Linear
  readonly probOut: Linear
  readonly layers: PostnetLayer[]

  constructor(init: Initializer) {
    super()
    this.featOut = new Linear(hiddenSize, mels * reduction, init)
    this.probOut = new Linear(hiddenSize, reduction, init)
    this.layers = [mels, 24, 24, 24, 24].map((inputs, i) => new PostnetLayer(inputs, i === 4 ? mels : 24, init))
  }

  forward(states: tf.Tensor3D, context: ForwardContext) {
    const [batch] = states.shape
    const before = tf.reshape(this.featOut.forward(states), [batch, -1, mels]) as tf.Tensor3D
    const stopLogits = tf.reshape(this.probOut.forward(states), [batch, -1])
    const residual = this.layers.reduce((x, { conv, batchNorm }, i) => {
      const y = batchNorm.forward(conv.forward(x), context)
      return i === 4 ? y : tf.tanh(y)
    }, before)
    return { before, after: tf.add(before, residual), stopLogits }
  }
}

/** Text to speech, but for the prenet of the decoder, whose output is given. */
class TextToSpeech extends Module {
  readonly embedTokens: Embedding
  readonly encodePositions: ScaledPositionalEncoding
  readonly encoder: TransformerEncoder
  readonly decoder: TransformerDecoder
  readonly postnet: Postnet

  constructor(init: Initializer) {
    super()
    this.embedTokens = new Embedding(vocabulary, hiddenSize, init, { paddingId })
    this.encodePositions = new ScaledPositionalEncoding(hiddenSize, init)
    this.encoder = makeEncoder(init)
    this.decoder = new TransformerDecoder(sizes, init)
    this.postnet = new Postnet(init)
  }

  protected override keyOverrides() {
    return {
      embedTokens: 'speecht5.encoder.prenet.embed_tokens',
      encodePositions: 'speecht5.encoder.prenet.encode_positions',
      encoder: 'speecht5.encoder.wrapped_encoder',
      decoder: 'speecht5.decoder.wrapped_decoder',
      postnet: 'speech_decoder_postnet',
    }
  }

  forward(inputs: Record<string, tf.Tensor>, context: ForwardContext) {
    const { inputIds, attentionMask, decoderPrenet, labels, frameMask } = inputs as Record<string, tf.Tensor>
    const prenet = this.encodePositions.forward(this.embedTokens.forward(inputIds!), context)
    const encoded = this.encoder.forward(prenet, context, attentionMask)
    const [batch, frames] = frameMask!.shape as [number, number]
    // Every second frame goes through the decoder: the last of each pair says whether the pair is valid.
    const pairs = tf.squeeze(tf.slice(tf.reshape(frameMask!, [batch, frames / 2, 2]), [0, 0, 1], [-1, -1, 1]), [2])
    const decoded = this.decoder.forward(decoderPrenet as tf.Tensor3D, context, {
      encoderHiddenStates: encoded.lastHiddenState,
      encoderMask: attentionMask!,
      mask: pairs,
    })
    const { before, after, stopLogits } = this.postnet.forward(decoded.lastHiddenState, context)
    const elements = tf.expandDims(frameMask!, 2)
    const next = tf.concat([tf.slice(frameMask!, [0, 1], [-1, -1]), tf.zeros([batch, 1])], 1)
    const l1Before = l1Loss(before, labels!, elements)
    const l1After = l1Loss(after, labels!, elements)
    const stop = binaryCrossEntropy(stopLogits, tf.sub(1, next), { positiveWeight: 5, mask: frameMask! })
    const guided = guidedAttention({
      attentions: tf.concat(
        decoded.crossAttentions.map((weights) => tf.slice(weights, [0, 0, 0, 0], [-1, 2, -1, -1])),
        1,
      ),
      inputMask: attentionMask as tf.Tensor2D,
      outputMask: pairs as tf.Tensor2D,
    })
    const guidedTerm = tf.mul(guided, 10)
    const named: Record<string, tf.Tensor> = {
      encoder_prenet: prenet,
      encoder_last_hidden_state: encoded.lastHiddenState,
      outputs_before_postnet: before,
      outputs_after_postnet: after,
      stop_logits: stopLogits,
      l1_before: l1Before,
      l1_after: l1After,
      stop_bce: stop,
      guided_attention: guidedTerm,
      loss: tf.addN([l1Before, l1After, stop, guidedTerm]),
    }
    for (const [i, state] of encoded.hiddenStates.entries()) named[`encoder_hidden_states.${i}`] = state
    for (const [i, state] of decoded.hiddenStates.entries()) named[`decoder_hidden_states.${i}`] = state
    for (const [i, weights] of decoded.crossAttentions.entries()) named[`cross_attentions.${i}`] = weights
    return named
  }
}

/** Runs a forward pass and its gradients as one program. */
const train = (model: Module, forward: () => Record<string, tf.Tensor>) => {
  const parameters = model.namedParameters()
  const kept: Record<string, tf.Tensor> = {}
  const { grads } = tf.variableGrads(() => {
    for (const [name, tensor] of Object.entries(forward())) kept[name] = tf.keep(tensor)
    return kept.loss as tf.Scalar
  }, [...parameters.values()])
  return { kept, gradients: [...parameters].map(([name, variable]) => [name, grads[variable.name]!] as const) }
}

describe.each(enginesUnderTest())('on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  describe('speecht5-tts', () => {
    const fixture = blockFixture('speecht5-tts')
    let model: TextToSpeech
    const inputs = (mode: string) => ({
      inputIds: fixture.input('input_ids'),
      attentionMask: fixture.input('attention_mask'),
      decoderPrenet: fixture.given(`${mode}.decoder_prenet`),
      labels: fixture.input('labels'),
      frameMask: tf.cast(fixture.input('decoder_attention_mask'), 'float32'),
    })
    beforeAll(() => {
      model = new TextToSpeech(Initializer.empty())
      const ours = [...fixture.weights()].filter(([name]) => !name.startsWith('speecht5.decoder.prenet'))
      model.loadStateDict(new Map(ours))
    })
    afterAll(() => {
      if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, fixture.worst)
    })

    it('has the reference states, spectrograms and losses in evaluation', () => {
      const forward = compile((given: ReturnType<typeof inputs>) => model.forward(given, { training: false }))
      for (const [name, tensor] of Object.entries(forward(inputs('eval')))) fixture.compare(`eval.${name}`, tensor)
    })

    it('has the reference states, losses, gradients and running statistics in training', () => {
      const step = compile((given: ReturnType<typeof inputs>) =>
        train(model, () => model.forward(given, { training: true })),
      )
      const { kept, gradients } = step(inputs('train'))
      for (const [name, tensor] of Object.entries(kept)) fixture.compare(`train.${name}`, tensor)
      expect(gradients.length).toBe(fixture.names('grad.').length)
      for (const [name, gradient] of gradients) {
        const absolute = /k_proj\.bias/.test(name) ? 1e-5 : 0
        fixture.compare(`grad.${name}`, gradient, { relative: 2e-5, absolute })
      }
      const buffers = fixture.names('bn_after.').filter((name) => !/tracked/.test(name))
      expect(buffers.length).toBe(10)
      for (const name of buffers) fixture.compare(name, model.namedBuffers().get(name.slice('bn_after.'.length))!)
    })
  })

  describe('speecht5-stt', () => {
    const fixture = blockFixture('speecht5-stt')

    class SpeechToText extends Module {
      readonly encoder: TransformerEncoder
      readonly embedTokens: Embedding
      readonly decoder: TransformerDecoder
      readonly lmHead: Linear
      readonly positions = new SinusoidalPositionalEmbedding(hiddenSize, paddingId)

      constructor(init: Initializer) {
        super()
        this.encoder = makeEncoder(init)
        this.embedTokens = new Embedding(vocabulary, hiddenSize, init, { paddingId })
        this.decoder = new TransformerDecoder(sizes, init)
        this.lmHead = new Linear(hiddenSize, vocabulary, init, { weight: this.embedTokens.weight, bias: false })
      }

      protected override keyOverrides() {
        return {
          encoder: 'speecht5.encoder.wrapped_encoder',
          embedTokens: 'speecht5.decoder.prenet.embed_tokens',
          decoder: 'speecht5.decoder.wrapped_decoder',
          lmHead: 'text_decoder_postnet.lm_head',
        }
      }
    }

    it('has the reference states, loss and gradients, the output layer tied to the embedding', () => {
      const model = new SpeechToText(Initializer.empty())
      expect([...model.aliases()]).toEqual([
        ['text_decoder_postnet.lm_head.weight', 'speecht5.decoder.prenet.embed_tokens.weight'],
      ])
      model.loadStateDict(fixture.weights())
      const labels = fixture.input<tf.Tensor2D>('labels')
      const given = {
        prenet: fixture.given<tf.Tensor3D>('train.encoder_prenet'),
        labels,
        // Shifted right after the start token; what is no label becomes padding.
        tokens: tf.tidy(() => {
          const shifted = tf.concat([tf.fill([2, 1], 2, 'int32'), tf.slice(labels, [0, 0], [2, 7])], 1)
          return tf.where(tf.less(shifted, 0), tf.fill([2, 8], paddingId, 'int32'), shifted) as tf.Tensor2D
        }),
        mask: tf.less(
          tf.range(0, 32, 1, 'int32'),
          // Frames of 10400 samples and of however many are valid.
          tf.tensor2d(frames(fixture.input('attention_mask')), [2, 1], 'int32'),
        ),
      }
      const step = compile(({ prenet, labels: targets, tokens, mask }: typeof given) =>
        train(model, () => {
          const context = { training: true }
          const encoded = model.encoder.forward(prenet, context, mask)
          const x = tf.add(model.embedTokens.forward(tokens), model.positions.forward(tokens)) as tf.Tensor3D
          const decoded = model.decoder.forward(x, context, {
            encoderHiddenStates: encoded.lastHiddenState,
            encoderMask: mask,
          })
          const logits = model.lmHead.forward(decoded.lastHiddenState)
          const { loss, sampleSize } = crossEntropy({ logits, targets })
          const named: Record<string, tf.Tensor> = { logits, loss: tf.div(loss, sampleSize) }
          for (const [i, state] of encoded.hiddenStates.entries()) named[`train.encoder_hidden_states.${i}`] = state
          for (const [i, state] of decoded.hiddenStates.entries()) named[`train.decoder_hidden_states.${i}`] = state
          return named
        }),
      )
      const { kept, gradients } = step(given)
      for (const [name, tensor] of Object.entries(kept)) fixture.compare(name, tensor)
      expect(gradients.length).toBe(fixture.names('grad.').length)
      for (const [name, gradient] of gradients) {
        const absolute = /k_proj\.bias/.test(name) ? 1e-5 : 0
        fixture.compare(`grad.${name}`, gradient, { relative: 5e-5, absolute })
      }
      if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, 'stt', fixture.worst)
    })
  })
})

/** Frames that the convolutions make of each utterance's valid samples. */
const frames = (attentionMask: tf.Tensor): number[] =>
  (tf.sum(attentionMask, 1).arraySync() as number[]).map((samples) => {
    const layers = [
      [10, 5],
      [3, 2],
      [3, 2],
      [3, 2],
      [3, 2],
      [2, 2],
      [2, 2],
    ] as const
    return layers.reduce((length, [kernel, stride]) => Math.floor((length - kernel) / stride) + 1, samples)
  })
