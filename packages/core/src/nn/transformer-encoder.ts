import * as tf from '@tensorflow/tfjs-core'
import { MultiHeadAttention } from './attention'
import { dropout, rngOf } from './dropout'
import { FeedForward } from './feed-forward'
import type { Initializer } from './initializer'
import type { ForwardContext } from './module'
import { Module } from './module'
import { LayerNorm } from './norm'
import { PositionalConvEmbedding, type PositionalConvOptions } from './positional-conv'

export interface TransformerLayerOptions {
  readonly hiddenSize: number
  readonly heads: number
  readonly intermediateSize: number
  /** Normalise before attention and feed-forward ("stable", wav2vec 2.0 large) instead of after (base). Default false. */
  readonly preNorm?: boolean
  /** Residual dropout. Default 0. */
  readonly dropout?: number
  readonly attentionDropout?: number
  readonly activationDropout?: number
  /** Default 1e-5. */
  readonly layerNormEps?: number
  /** Standard deviation of the starting weights. Default 0.02, as BERT. */
  readonly std?: number
}

/** One Transformer encoder layer (Vaswani et al. 2017, section 3.1), post- or pre-norm. */
export class TransformerEncoderLayer extends Module {
  readonly attention: MultiHeadAttention
  readonly layerNorm: LayerNorm
  readonly feedForward: FeedForward
  readonly finalLayerNorm: LayerNorm
  readonly #preNorm: boolean
  readonly #dropout: number

  constructor(options: TransformerLayerOptions, init: Initializer) {
    super()
    const { hiddenSize, heads, intermediateSize, layerNormEps = 1e-5, std = 0.02 } = options
    this.attention = new MultiHeadAttention(hiddenSize, heads, init, { dropout: options.attentionDropout ?? 0, std })
    this.layerNorm = new LayerNorm(hiddenSize, init, layerNormEps)
    this.feedForward = new FeedForward(hiddenSize, intermediateSize, init, {
      activationDropout: options.activationDropout ?? 0,
      dropout: options.dropout ?? 0,
      std,
    })
    this.finalLayerNorm = new LayerNorm(hiddenSize, init, layerNormEps)
    this.#preNorm = options.preNorm ?? false
    this.#dropout = options.dropout ?? 0
  }

  /** [batch, time, hidden] -> the same; `attentionBias` broadcasts to [batch, heads, time, time]. */
  forward(x: tf.Tensor3D, context: ForwardContext, attentionBias?: tf.Tensor): tf.Tensor3D {
    const attend = (y: tf.Tensor3D) =>
      dropout(this.attention.forward(y, context, { attentionBias }), this.#dropout, context)
    if (this.#preNorm) {
      const attended = tf.add(x, attend(this.layerNorm.forward(x))) as tf.Tensor3D
      return tf.add(attended, this.feedForward.forward(this.finalLayerNorm.forward(attended), context)) as tf.Tensor3D
    }
    const attended = this.layerNorm.forward(tf.add(x, attend(x)) as tf.Tensor3D)
    return this.finalLayerNorm.forward(tf.add(attended, this.feedForward.forward(attended, context)) as tf.Tensor3D)
  }
}

export interface TransformerEncoderOptions extends TransformerLayerOptions {
  readonly layers: number
  /** Probability that a layer is left out in a training step (Fan et al. 2020). Default 0. */
  readonly layerDrop?: number
  readonly positionalConv: Pick<PositionalConvOptions, 'kernel' | 'groups'>
}

export interface TransformerEncoderOutput {
  /** [batch, time, hidden] */
  readonly lastHiddenState: tf.Tensor3D
  /** The input of layer 0, then each layer's output; with pre-norm the last is taken before the final LayerNorm. */
  readonly hiddenStates: tf.Tensor3D[]
}

/** Transformer encoder with a convolutional relative position embedding, as in wav2vec 2.0 (section 2). */
export class TransformerEncoder extends Module {
  readonly posConvEmbed: PositionalConvEmbedding
  readonly layerNorm: LayerNorm
  readonly layers: TransformerEncoderLayer[]
  readonly #options: TransformerEncoderOptions

  constructor(options: TransformerEncoderOptions, init: Initializer) {
    super()
    this.posConvEmbed = new PositionalConvEmbedding({ ...options.positionalConv, hiddenSize: options.hiddenSize }, init)
    this.layerNorm = new LayerNorm(options.hiddenSize, init, options.layerNormEps ?? 1e-5)
    this.layers = Array.from({ length: options.layers }, () => new TransformerEncoderLayer(options, init))
    this.#options = options
  }

  /**
   * @param x [batch, time, hidden]
   * @param mask [batch, time], 1 at valid frames; padded ones are zeroed before the position embedding and not attended to.
   */
  forward(x: tf.Tensor3D, context: ForwardContext, mask?: tf.Tensor): TransformerEncoderOutput {
    const { preNorm = false, dropout: p = 0, layerDrop = 0 } = this.#options
    const [batch, time] = x.shape
    const valid = mask && tf.cast(mask, 'float32')
    const input = valid ? (tf.mul(x, tf.reshape(valid, [batch, time, 1])) as tf.Tensor3D) : x
    const attentionBias = valid && tf.mul(tf.sub(1, tf.reshape(valid, [batch, 1, 1, time])), -3.4028234663852886e38)
    const positioned = tf.add(input, this.posConvEmbed.forward(input)) as tf.Tensor3D
    let hidden = dropout(preNorm ? positioned : this.layerNorm.forward(positioned), p, context)
    const hiddenStates = [hidden]
    for (const layer of this.layers) {
      const output = layer.forward(hidden, context, attentionBias)
      hidden = context.training && layerDrop > 0 ? keepOrSkip(output, hidden, layerDrop, context) : output
      hiddenStates.push(hidden)
    }
    return { lastHiddenState: preNorm ? this.layerNorm.forward(hidden) : hidden, hiddenStates }
  }
}

/** The layer's output with probability 1 - p, else its input; decided on the device, so that one program serves every step. */
const keepOrSkip = (output: tf.Tensor3D, input: tf.Tensor3D, p: number, context: ForwardContext): tf.Tensor3D => {
  const keep = tf.greaterEqual(rngOf(context, 'LayerDrop').uniform([]), p)
  return tf.where(tf.broadcastTo(keep, output.shape), output, input)
}
