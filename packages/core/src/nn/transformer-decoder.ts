import * as tf from '@tensorflow/tfjs-core'
import type { AttentionInputs } from './attention'
import { afterPositionBias, causalBias, paddingBias } from './attention-bias'
import type { Initializer } from './initializer'
import {
  type AttentionCache,
  type DecoderCache,
  type DecoderMemory,
  emptyAttentionCache,
  writeAttentionCache,
} from './key-value-cache'
import { layerDrop } from './layer-drop'
import { type ForwardContext, inference, Module } from './module'
import { LayerNorm } from './norm'
import { TransformerDecoderLayer, type TransformerDecoderLayerOptions } from './transformer-decoder-layer'

export interface TransformerDecoderOptions extends TransformerDecoderLayerOptions {
  readonly layers: number
  /** Probability that a layer is left out in a training step (Fan et al. 2020). Default 0. */
  readonly layerDrop?: number
  /** A LayerNorm after the last layer. Default: with `preNorm`, as fairseq; SpeechT5 has none. */
  readonly finalNorm?: boolean
}

export interface TransformerDecoderInputs {
  /** The encoder's output [batch, frames, memorySize]. Default: no cross-attention. */
  readonly encoderHiddenStates?: tf.Tensor3D
  /** [batch, frames], 1 at valid frames of it */
  readonly encoderMask?: tf.Tensor
  /** [batch, time], 1 at valid tokens. Default: all; padding at the end needs none, since no earlier token sees it. */
  readonly mask?: tf.Tensor
}

export interface TransformerDecoderOutput {
  /** [batch, time, hidden] */
  readonly lastHiddenState: tf.Tensor3D
  /** The input of layer 0, then each layer's output, before the final LayerNorm. */
  readonly hiddenStates: tf.Tensor3D[]
  /** Each layer's cross-attention weights, before dropout: [batch, heads, time, frames] */
  readonly crossAttentions: tf.Tensor4D[]
}

export interface TransformerDecoderStepOutput {
  /** [rows, 1, hidden] */
  readonly output: tf.Tensor3D
  readonly cache: DecoderCache
}

/**
 * Transformer decoder over embedded tokens or frames (Vaswani et al. 2017, section 3.1): each sees itself, those before it and
 * the encoder's output. {@link step} does the same a token at a time, with a cache.
 */
export class TransformerDecoder extends Module {
  readonly layers: TransformerDecoderLayer[]
  readonly layerNorm?: LayerNorm
  readonly #options: TransformerDecoderOptions

  constructor(options: TransformerDecoderOptions, init: Initializer) {
    super()
    this.layers = Array.from({ length: options.layers }, () => new TransformerDecoderLayer(options, init))
    if (options.finalNorm ?? options.preNorm ?? false)
      this.layerNorm = new LayerNorm(options.hiddenSize, init, options.layerNormEps ?? 1e-5)
    this.#options = options
  }

  /** @param x [batch, time, hidden], embedded, positions included */
  forward(x: tf.Tensor3D, context: ForwardContext, inputs: TransformerDecoderInputs = {}): TransformerDecoderOutput {
    const { encoderHiddenStates, encoderMask, mask } = inputs
    const causal = causalBias(x.shape[1])
    const self = { attentionBias: mask ? tf.add(causal, paddingBias(mask)) : causal }
    const memory = encoderHiddenStates && {
      keyValueStates: encoderHiddenStates,
      ...(encoderMask && { attentionBias: paddingBias(encoderMask) }),
    }
    let hidden = x
    const hiddenStates = [hidden]
    const crossAttentions: tf.Tensor4D[] = []
    for (const layer of this.layers) {
      const { output, crossAttention } = layer.forward(hidden, context, { self, memory })
      hidden = layerDrop(output, hidden, this.#options.layerDrop ?? 0, context)
      hiddenStates.push(hidden)
      if (crossAttention) crossAttentions.push(crossAttention)
    }
    return { lastHiddenState: this.layerNorm?.forward(hidden) ?? hidden, hiddenStates, crossAttentions }
  }

  /** The cache before the first token, for up to `maxLength` of them. */
  emptyCache(rows: number, maxLength: number): DecoderCache {
    const { heads, hiddenSize } = this.#options
    return { layers: this.layers.map(() => emptyAttentionCache(rows, heads, maxLength, hiddenSize / heads)) }
  }

  /**
   * What {@link step} needs of the encoder's output, made once for all steps.
   *
   * @param encoderHiddenStates [rows, frames, memorySize]
   * @param encoderMask [rows, frames], 1 at valid frames
   */
  memory(encoderHiddenStates: tf.Tensor3D, encoderMask?: tf.Tensor): DecoderMemory {
    return {
      layers: this.layers.map((layer) => layer.encoderAttn.keysAndValues(encoderHiddenStates)),
      ...(encoderMask && { attentionBias: paddingBias(encoderMask) }),
    }
  }

  /**
   * One token a row, without dropout. Assigns nothing and reads nothing on the host; `position` is a tensor, so one program serves
   * every step.
   *
   * @param x [rows, 1, hidden], embedded, its position included
   * @param position int32 scalar: which token this is, from 0, the same for all rows
   */
  step(x: tf.Tensor3D, position: tf.Tensor, cache: DecoderCache, memory?: DecoderMemory): TransformerDecoderStepOutput {
    const attentionBias = afterPositionBias(position, cache.layers[0]!.key.shape[2])
    const layers: AttentionCache[] = []
    const hidden = this.layers.reduce((y, layer, i) => {
      const entry = layer.selfAttn.keysAndValues(layer.selfInput(y))
      const keysAndValues = writeAttentionCache(cache.layers[i]!, entry, position)
      layers.push(keysAndValues)
      const cross: AttentionInputs | undefined = memory && {
        keysAndValues: memory.layers[i]!,
        attentionBias: memory.attentionBias,
      }
      return layer.forward(y, inference, { self: { keysAndValues, attentionBias }, memory: cross }).output
    }, x)
    return { output: this.layerNorm?.forward(hidden) ?? hidden, cache: { layers } }
  }
}
