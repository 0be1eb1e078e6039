import * as tf from '@tensorflow/tfjs-core'
import { type AttentionInputs, MultiHeadAttention } from './attention'
import { dropout } from './dropout'
import { FeedForward } from './feed-forward'
import { GatedRelativeAttention } from './gated-relative-attention'
import type { Initializer } from './initializer'
import type { ForwardContext } from './module'
import { Module } from './module'
import { LayerNorm } from './norm'
import type { RelativePositionBuckets } from './relative-positions'

/**
 * How self-attention sees relative positions.
 * - `gated`: a bias by bucket, made by the first layer's table and weighed by each layer's gates (WavLM).
 * - `keys`: trained keys, shared by all layers (SpeechT5). `norm`: each layer has a LayerNorm for them (SpeechT5's original with pre-norm).
 */
export type RelativePositions =
  | ({ readonly kind: 'gated' } & RelativePositionBuckets)
  | { readonly kind: 'keys'; readonly maxDistance: number; readonly norm?: boolean }

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
  /** Default GELU. */
  readonly activation?: (x: tf.Tensor) => tf.Tensor
  /** Default 1e-5. */
  readonly layerNormEps?: number
  /** Standard deviation of the starting weights. Default 0.02, as BERT. */
  readonly std?: number
  /** Default: none. */
  readonly relativePositions?: RelativePositions
}

/** What a layer gives: its output, and what its feed-forward part adds to it (data2vec's targets are made of that). */
export interface TransformerEncoderLayerOutput {
  readonly output: tf.Tensor3D
  /** [batch, time, hidden], before the residual is added */
  readonly feedForward: tf.Tensor3D
}

/** One Transformer encoder layer (Vaswani et al. 2017, section 3.1), post- or pre-norm. */
export class TransformerEncoderLayer extends Module {
  readonly attention: MultiHeadAttention
  readonly layerNorm: LayerNorm
  readonly feedForward: FeedForward
  readonly finalLayerNorm: LayerNorm
  /** Of the relative positions' keys. */
  readonly normK?: LayerNorm
  readonly #preNorm: boolean
  readonly #dropout: number

  /** @param isFirst Whether it is the layer that holds what all layers share. */
  constructor(options: TransformerLayerOptions, init: Initializer, isFirst = true) {
    super()
    const { hiddenSize, heads, intermediateSize, layerNormEps = 1e-5, std = 0.02, relativePositions } = options
    const attention = { dropout: options.attentionDropout ?? 0, std }
    this.attention =
      relativePositions?.kind === 'gated'
        ? new GatedRelativeAttention(hiddenSize, heads, init, {
            ...attention,
            ...(isFirst && { buckets: relativePositions }),
          })
        : new MultiHeadAttention(hiddenSize, heads, init, attention)
    this.layerNorm = new LayerNorm(hiddenSize, init, layerNormEps)
    this.feedForward = new FeedForward(hiddenSize, intermediateSize, init, {
      activationDropout: options.activationDropout ?? 0,
      dropout: options.dropout ?? 0,
      ...(options.activation && { activation: options.activation }),
      std,
    })
    this.finalLayerNorm = new LayerNorm(hiddenSize, init, layerNormEps)
    if (relativePositions?.kind === 'keys' && relativePositions.norm)
      this.normK = new LayerNorm(hiddenSize / heads, init, layerNormEps)
    this.#preNorm = options.preNorm ?? false
    this.#dropout = options.dropout ?? 0
  }

  /** [batch, time, hidden] -> the same; biases as attention takes them. */
  forward(x: tf.Tensor3D, context: ForwardContext, inputs: AttentionInputs = {}): TransformerEncoderLayerOutput {
    const keys = inputs.relativeKeys
    const given = keys && this.normK ? { ...inputs, relativeKeys: this.normK.forward(keys) } : inputs
    const attend = (y: tf.Tensor3D) => dropout(this.attention.forward(y, context, given), this.#dropout, context)
    if (this.#preNorm) {
      const attended = tf.add(x, attend(this.layerNorm.forward(x))) as tf.Tensor3D
      const feedForward = this.feedForward.forward(this.finalLayerNorm.forward(attended), context)
      return { output: tf.add(attended, feedForward), feedForward }
    }
    const attended = this.layerNorm.forward(tf.add(x, attend(x)) as tf.Tensor3D)
    const feedForward = this.feedForward.forward(attended, context)
    return { output: this.finalLayerNorm.forward(tf.add(attended, feedForward) as tf.Tensor3D), feedForward }
  }
}
