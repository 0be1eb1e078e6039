import * as tf from '@tensorflow/tfjs-core'
import type { AttentionInputs } from './attention'
import { paddingBias } from './attention-bias'
import { dropout } from './dropout'
import { GatedRelativeAttention } from './gated-relative-attention'
import type { Initializer } from './initializer'
import { layerDrop } from './layer-drop'
import type { ForwardContext } from './module'
import { Module } from './module'
import { LayerNorm } from './norm'
import { PositionalConvEmbedding, type PositionalConvOptions } from './positional-conv'
import { PositionalConvStack } from './positional-conv-stack'
import { RelativePositionKeys } from './relative-positions'
import { TransformerEncoderLayer, type TransformerLayerOptions } from './transformer-encoder-layer'

export interface TransformerEncoderOptions extends TransformerLayerOptions {
  readonly layers: number
  /** Probability that a layer is left out in a training step (Fan et al. 2020). Default 0. */
  readonly layerDrop?: number
  /** One convolution with weight norm (wav2vec 2.0), or with `depth` a stack of as many (data2vec). Default: none. */
  readonly positionalConv?: Pick<PositionalConvOptions, 'kernel' | 'groups'> & { readonly depth?: number }
  /**
   * Whether the encoder's own LayerNorm is the last thing (default with `preNorm`) or the first, before the layers (default without).
   * SpeechT5 has it first in either case.
   */
  readonly normPlace?: 'first' | 'last'
}

export interface TransformerEncoderOutput {
  /** [batch, time, hidden] */
  readonly lastHiddenState: tf.Tensor3D
  /** The input of layer 0, then each layer's output; with pre-norm the last is taken before the final LayerNorm. */
  readonly hiddenStates: tf.Tensor3D[]
  /** What each layer's feed-forward part gave, before its residual was added. */
  readonly feedForwardStates: tf.Tensor3D[]
}

/** Transformer encoder with a convolutional position embedding, relative positions or both (wav2vec 2.0, section 2; WavLM; SpeechT5). */
export class TransformerEncoder extends Module {
  readonly posConvEmbed?: PositionalConvEmbedding | PositionalConvStack
  /** Keys by relative position, where the options ask for them. */
  readonly embedPositions?: RelativePositionKeys
  readonly layerNorm: LayerNorm
  readonly layers: TransformerEncoderLayer[]
  readonly #options: TransformerEncoderOptions

  constructor(options: TransformerEncoderOptions, init: Initializer) {
    super()
    const { hiddenSize, heads, positionalConv, relativePositions, layerNormEps = 1e-5 } = options
    if (positionalConv) {
      const { depth, ...conv } = positionalConv
      this.posConvEmbed =
        depth === undefined
          ? new PositionalConvEmbedding({ ...conv, hiddenSize }, init)
          : new PositionalConvStack({ ...conv, hiddenSize, depth }, init)
    }
    if (relativePositions?.kind === 'keys')
      this.embedPositions = new RelativePositionKeys(hiddenSize / heads, relativePositions.maxDistance, init)
    this.layerNorm = new LayerNorm(hiddenSize, init, layerNormEps)
    this.layers = Array.from({ length: options.layers }, (_, i) => new TransformerEncoderLayer(options, init, i === 0))
    this.#options = options
  }

  /**
   * @param x [batch, time, hidden]
   * @param mask [batch, time], 1 at valid frames; padded ones are zeroed before the position embedding and not attended to.
   */
  forward(x: tf.Tensor3D, context: ForwardContext, mask?: tf.Tensor): TransformerEncoderOutput {
    const { preNorm = false, dropout: p = 0, layerDrop: dropRate = 0 } = this.#options
    const { normPlace = preNorm ? 'last' : 'first' } = this.#options
    const [batch, time] = x.shape
    const valid = mask && tf.reshape(tf.cast(mask, 'float32'), [batch, time, 1])
    const input = valid && this.posConvEmbed ? (tf.mul(x, valid) as tf.Tensor3D) : x
    const positioned = this.posConvEmbed ? (tf.add(input, this.posConvEmbed.forward(input)) as tf.Tensor3D) : input
    let hidden = dropout(normPlace === 'first' ? this.layerNorm.forward(positioned) : positioned, p, context)
    const inputs = { ...this.#positions(time), ...(mask && { attentionBias: paddingBias(mask) }) }
    const hiddenStates = [hidden]
    const feedForwardStates: tf.Tensor3D[] = []
    for (const layer of this.layers) {
      const { output, feedForward } = layer.forward(hidden, context, inputs)
      hidden = layerDrop(output, hidden, dropRate, context)
      hiddenStates.push(hidden)
      feedForwardStates.push(feedForward)
    }
    const lastHiddenState = normPlace === 'last' ? this.layerNorm.forward(hidden) : hidden
    return { lastHiddenState, hiddenStates, feedForwardStates }
  }

  /** What all layers share of relative positions. */
  #positions(time: number): AttentionInputs {
    if (this.embedPositions) return { relativeKeys: this.embedPositions.forward(time) }
    const first = this.layers[0]?.attention
    const table = first instanceof GatedRelativeAttention ? first.relAttnEmbed : undefined
    return table ? { positionBias: table.forward(time) } : {}
  }
}
