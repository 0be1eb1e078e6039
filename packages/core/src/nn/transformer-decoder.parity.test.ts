// AV-HuBERT's sequence-to-sequence decoder and its loss (fairseq), pre- and post-norm: see packages/core/fixtures/blocks.
import { blockFixture, enginesUnderTest, expectClose, fromFairseq, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { labelSmoothedCrossEntropy } from '../losses/index'
import { Embedding } from './embedding'
import { Initializer } from './initializer'
import { type ForwardContext, inference, Module } from './module'
import { SinusoidalPositionalEmbedding } from './sinusoidal-positions'
import { TransformerDecoder } from './transformer-decoder'

const [hiddenSize, paddingId] = [32, 1]

/** The decoder with tokens in and, by the same vectors or others, scores out. */
class TextDecoder extends Module {
  readonly embedTokens: Embedding
  readonly decoder: TransformerDecoder
  readonly positions = new SinusoidalPositionalEmbedding(hiddenSize, paddingId)

  readonly embedOut?: tf.Variable

  constructor(
    preNorm: boolean,
    vocabulary: number,
    tied: boolean,
    readonly scale: number,
    init: Initializer,
  ) {
    super()
    if (!tied) this.embedOut = init.constant([vocabulary, hiddenSize], 0)
    this.embedTokens = new Embedding(vocabulary, hiddenSize, init, { paddingId })
    const options = { layers: 2, hiddenSize, heads: 4, intermediateSize: 48, preNorm, activation: tf.relu }
    this.decoder = new TransformerDecoder(options, init)
  }

  forward(tokens: tf.Tensor2D, context: ForwardContext, encoderHiddenStates: tf.Tensor3D, encoderMask: tf.Tensor) {
    const x = tf.add(tf.mul(this.embedTokens.forward(tokens), this.scale), this.positions.forward(tokens))
    const output = this.decoder.forward(x as tf.Tensor3D, context, { encoderHiddenStates, encoderMask })
    return { ...output, logits: this.logits(output.lastHiddenState) }
  }

  logits(x: tf.Tensor3D): tf.Tensor {
    if (!this.embedOut) return this.embedTokens.logits(x)
    const rows = tf.matMul(tf.reshape(x, [-1, hiddenSize]), this.embedOut as tf.Tensor, false, true)
    return tf.reshape(rows, [x.shape[0], x.shape[1], -1])
  }
}

/** Ours for fairseq's `decoder.*`. */
const rename = (name: string) => (/^embed_/.test(name) ? name : `decoder.${fromFairseq('decoder')(name)}`)

describe.each(enginesUnderTest())('TransformerDecoder on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  describe.each([
    ['av-hubert-seq2seq', true, 14, true, 1],
    ['av-hubert-seq2seq-postnorm', false, 11, false, Math.sqrt(hiddenSize)],
  ] as const)('%s', (name, preNorm, vocabulary, tied, scale) => {
    const fixture = blockFixture(name)
    const inputs = () => ({
      tokens: fixture.input<tf.Tensor2D>('prev_output_tokens'),
      target: fixture.input<tf.Tensor2D>('target'),
      encoderMask: tf.sub(1, tf.cast(fixture.input('padding_mask'), 'float32')),
      encoderOut: fixture.given<tf.Tensor3D>('encoder_out'),
    })
    let model: TextDecoder
    beforeAll(() => {
      model = new TextDecoder(preNorm, vocabulary, tied, scale, Initializer.empty())
      model.loadStateDict(fixture.weights('decoder.', rename))
    })
    afterAll(() => {
      if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, name, fixture.worst)
      model.dispose()
    })

    it('has the reference states, scores, losses and gradients', () => {
      const parameters = model.namedParameters()
      const step = compile(({ tokens, target, encoderMask, encoderOut }: ReturnType<typeof inputs>) => {
        const kept: Record<string, tf.Tensor> = {}
        const keep = (key: string, tensor: tf.Tensor) => {
          kept[key] = tf.keep(tensor)
        }
        const { value, grads } = tf.variableGrads(() => {
          const { logits, hiddenStates } = model.forward(tokens, { training: true }, encoderOut, encoderMask)
          const losses = labelSmoothedCrossEntropy({ logits, targets: target, ignoreId: paddingId, smoothing: 0.1 })
          for (const [i, state] of hiddenStates.slice(1).entries()) keep(`decoder_layer_out.${i}`, state)
          keep('logits', logits)
          keep('nll_loss', losses.nllLoss)
          keep('n_correct', losses.correct)
          keep('total', losses.sampleSize)
          return losses.loss
        }, [...parameters.values()])
        return { kept: { ...kept, loss: value }, gradients: [...parameters.values()].map((v) => grads[v.name]!) }
      })
      const { kept, gradients } = step(inputs())
      for (const [key, tensor] of Object.entries(kept)) fixture.compare(key, tensor)
      const ours = new Map([...parameters.keys()].map((key, i) => [key, gradients[i]!]))
      const names = fixture.names('grad.')
      expect(names.length).toBe(ours.size)
      for (const key of names) {
        const gradient = ours.get(rename(key.slice('grad.decoder.'.length)))!
        fixture.compare(key, gradient, { relative: 2e-5, absolute: /k_proj\.bias/.test(key) ? 1e-5 : 0 })
      }
    })

    it('gives the same scores a token at a time, from a cache of fixed length and one program', () => {
      const { tokens, encoderMask, encoderOut } = inputs()
      const [batch, time] = tokens.shape
      const maxLength = time + 3
      const memory = compile((states: tf.Tensor3D, mask: tf.Tensor) => model.decoder.memory(states, mask))
      const step = compile(
        (
          column: tf.Tensor2D,
          position: tf.Tensor,
          cache: ReturnType<TransformerDecoder['emptyCache']>,
          seen: ReturnType<typeof memory>,
        ) => {
          const embedded = tf.mul(model.embedTokens.forward(column), model.scale)
          const x = tf.add(embedded, model.positions.at(position, maxLength)) as tf.Tensor3D
          const { output, cache: next } = model.decoder.step(x, position, cache, seen)
          return { logits: model.logits(output), next }
        },
      )
      const seen = memory(encoderOut, encoderMask)
      const columns: tf.Tensor[] = []
      let cache = model.decoder.emptyCache(batch, maxLength)
      for (let at = 0; at < time; at++) {
        const { logits, next } = step(tf.slice(tokens, [0, at], [batch, 1]), tf.scalar(at, 'int32'), cache, seen)
        columns.push(logits)
        cache = next
      }
      expect(step.traceCount).toBe(engine === 'xla' ? 1 : 0)
      const whole = model.forward(tokens, inference, encoderOut, encoderMask).logits
      const isToken = tf.expandDims(tf.cast(tf.notEqual(tokens, tf.scalar(paddingId, 'int32')), 'float32'), -1)
      expectClose(tf.mul(tf.concat(columns, 1), isToken), tf.mul(whole, isToken), { relative: 5e-6 })
    })
  })
})
