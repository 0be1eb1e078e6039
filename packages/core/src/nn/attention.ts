import * as tf from '@tensorflow/tfjs-core'
import { dropout } from './dropout'
import type { Initializer } from './initializer'
import type { AttentionCache } from './key-value-cache'
import { Linear } from './linear'
import type { ForwardContext } from './module'
import { Module } from './module'
import { byRelativePosition } from './relative-positions'

export interface MultiHeadAttentionOptions {
  /** Dropout of the attention weights. Default 0. */
  readonly dropout?: number
  /** Standard deviation of the starting weights. Default: {@link Linear}'s. */
  readonly std?: number
  /** Features of what keys and values are made from. Default: as the queries. */
  readonly keyValueSize?: number
}

export interface AttentionInputs {
  /** Added to the scores before the softmax; broadcasts to [batch, heads, queries, keys]. */
  readonly attentionBias?: tf.Tensor | undefined
  /** What keys and values are made from [batch, keys, keyValueSize]: cross-attention. Default: the queries' own input. */
  readonly keyValueStates?: tf.Tensor3D | undefined
  /** Keys and values that have been projected already, in place of `keyValueStates`. */
  readonly keysAndValues?: AttentionCache | undefined
  /** Bias by relative position [1, heads, queries, keys], added like `attentionBias`; gated attention weighs it. */
  readonly positionBias?: tf.Tensor4D | undefined
  /**
   * A key for each relative position key - query from -(time - 1) to time - 1 [2 time - 1, headDim], which the queries meet besides
   * the real keys (Shaw et al. 2018, equation 4, without the values' part). Self-attention only.
   */
  readonly relativeKeys?: tf.Tensor2D | undefined
}

export interface AttentionOutput {
  /** [batch, queries, embedDim] */
  readonly output: tf.Tensor3D
  /** The softmax, before dropout: [batch, heads, queries, keys] */
  readonly weights: tf.Tensor4D
}

/** Scaled dot-product attention over several heads (Vaswani et al. 2017, section 3.2.2). */
export class MultiHeadAttention extends Module {
  readonly kProj: Linear
  readonly vProj: Linear
  readonly qProj: Linear
  readonly outProj: Linear
  readonly #dropout: number

  constructor(
    protected readonly embedDim: number,
    protected readonly heads: number,
    init: Initializer,
    options: MultiHeadAttentionOptions = {},
  ) {
    super()
    if (embedDim % heads !== 0)
      throw new RangeError(`attention: ${embedDim} features do not divide into ${heads} heads.`)
    const linear = (inputs = embedDim) =>
      new Linear(inputs, embedDim, init, options.std === undefined ? {} : { std: options.std })
    this.kProj = linear(options.keyValueSize)
    this.vProj = linear(options.keyValueSize)
    this.qProj = linear()
    this.outProj = linear()
    this.#dropout = options.dropout ?? 0
  }

  /** [batch, queries, embedDim] -> the same */
  forward(x: tf.Tensor3D, context: ForwardContext, inputs: AttentionInputs = {}): tf.Tensor3D {
    return this.attend(x, context, inputs).output
  }

  /** As {@link forward}, with the attention weights. */
  attend(x: tf.Tensor3D, context: ForwardContext, inputs: AttentionInputs = {}): AttentionOutput {
    const { attentionBias, positionBias, relativeKeys, keyValueStates = x } = inputs
    const [batch, queries] = x.shape
    const width = this.embedDim / this.heads
    const query = this.split(tf.mul(this.qProj.forward(x), width ** -0.5) as tf.Tensor3D)
    const { key, value } = inputs.keysAndValues ?? this.keysAndValues(keyValueStates)
    const terms = [relativeKeys && withRelativeKeys(query, relativeKeys), positionBias, attentionBias]
    const scores = terms.reduce<tf.Tensor>(
      (sum, term) => (term ? tf.add(sum, term) : sum),
      tf.matMul(query, key, false, true),
    )
    const weights = tf.softmax(scores) as tf.Tensor4D
    const mixed = tf.matMul(dropout(weights, this.#dropout, context), value)
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, queries, this.embedDim]) as tf.Tensor3D
    return { output: this.outProj.forward(joined), weights }
  }

  /** Keys and values of [batch, keys, keyValueSize], head by head: for `AttentionInputs.keysAndValues`. */
  keysAndValues(states: tf.Tensor3D): AttentionCache {
    return { key: this.split(this.kProj.forward(states)), value: this.split(this.vProj.forward(states)) }
  }

  /** [batch, time, embedDim] -> [batch, heads, time, headDim] */
  protected split(x: tf.Tensor3D): tf.Tensor4D {
    const [batch, time] = x.shape
    return tf.transpose(tf.reshape(x, [batch, time, this.heads, this.embedDim / this.heads]), [0, 2, 1, 3])
  }
}

/** Scores of queries [batch, heads, time, headDim] and the key of each relative position: [batch, heads, time, time] */
const withRelativeKeys = (query: tf.Tensor4D, keys: tf.Tensor2D): tf.Tensor4D => {
  const [batch, heads, time, width] = query.shape
  const scores = tf.matMul(tf.reshape(query, [-1, width]) as tf.Tensor2D, keys, false, true)
  return byRelativePosition(tf.reshape(scores, [batch, heads, time, keys.shape[0]]))
}
