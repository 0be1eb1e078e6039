import * as tf from '@tensorflow/tfjs-core'
import { type AttentionInputs, MultiHeadAttention } from './attention'
import { dropout } from './dropout'
import { FeedForward } from './feed-forward'
import type { Initializer } from './initializer'
import { type ForwardContext, Module } from './module'
import { LayerNorm } from './norm'
import type { TransformerLayerOptions } from './transformer-encoder-layer'

export interface TransformerDecoderLayerOptions extends Omit<TransformerLayerOptions, 'relativePositions'> {
  /** Features of the encoder's output. Default: `hiddenSize`. */
  readonly memorySize?: number
}

export interface TransformerDecoderLayerOutput {
  /** [batch, time, hidden] */
  readonly output: tf.Tensor3D
  /** Cross-attention's weights [batch, heads, time, frames] */
  readonly crossAttention?: tf.Tensor4D
}

/** Inputs of a layer's two attentions; without `memory` there is no cross-attention. */
export interface TransformerDecoderLayerInputs {
  readonly self: AttentionInputs
  readonly memory?: AttentionInputs | undefined
}

/** One Transformer decoder layer (Vaswani et al. 2017, section 3.1), post- or pre-norm. */
export class TransformerDecoderLayer extends Module {
  readonly selfAttn: MultiHeadAttention
  readonly selfAttnLayerNorm: LayerNorm
  readonly encoderAttn: MultiHeadAttention
  readonly encoderAttnLayerNorm: LayerNorm
  readonly feedForward: FeedForward
  readonly finalLayerNorm: LayerNorm
  readonly #preNorm: boolean
  readonly #dropout: number

  constructor(options: TransformerDecoderLayerOptions, init: Initializer) {
    super()
    const { hiddenSize, heads, intermediateSize, layerNormEps = 1e-5, std = 0.02, memorySize } = options
    const attention = { dropout: options.attentionDropout ?? 0, std }
    const norm = () => new LayerNorm(hiddenSize, init, layerNormEps)
    this.selfAttn = new MultiHeadAttention(hiddenSize, heads, init, attention)
    this.selfAttnLayerNorm = norm()
    this.encoderAttn = new MultiHeadAttention(hiddenSize, heads, init, {
      ...attention,
      ...(memorySize !== undefined && { keyValueSize: memorySize }),
    })
    this.encoderAttnLayerNorm = norm()
    this.feedForward = new FeedForward(hiddenSize, intermediateSize, init, {
      activationDropout: options.activationDropout ?? 0,
      dropout: options.dropout ?? 0,
      ...(options.activation && { activation: options.activation }),
      std,
    })
    this.finalLayerNorm = norm()
    this.#preNorm = options.preNorm ?? false
    this.#dropout = options.dropout ?? 0
  }

  /** The input of self-attention: normalised first with pre-norm. */
  selfInput(x: tf.Tensor3D): tf.Tensor3D {
    return this.#preNorm ? this.selfAttnLayerNorm.forward(x) : x
  }

  /** [batch, time, hidden] -> the same */
  forward(
    x: tf.Tensor3D,
    context: ForwardContext,
    inputs: TransformerDecoderLayerInputs,
  ): TransformerDecoderLayerOutput {
    let crossAttention: tf.Tensor4D | undefined
    const attended = this.#around(x, this.selfAttnLayerNorm, (y) =>
      dropout(this.selfAttn.forward(y, context, inputs.self), this.#dropout, context),
    )
    const { memory } = inputs
    const informed = !memory
      ? attended
      : this.#around(attended, this.encoderAttnLayerNorm, (y) => {
          const { output, weights } = this.encoderAttn.attend(y, context, memory)
          crossAttention = weights
          return dropout(output, this.#dropout, context)
        })
    const output = this.#around(informed, this.finalLayerNorm, (y) => this.feedForward.forward(y, context))
    return { output, ...(crossAttention && { crossAttention }) }
  }

  /** A part with its residual and its norm, which comes before the part or after the sum. */
  #around(x: tf.Tensor3D, norm: LayerNorm, part: (y: tf.Tensor3D) => tf.Tensor3D): tf.Tensor3D {
    if (this.#preNorm) return tf.add(x, part(norm.forward(x)))
    return norm.forward(tf.add(x, part(x)) as tf.Tensor3D)
  }
}
