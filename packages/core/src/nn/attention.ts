import * as tf from '@tensorflow/tfjs-core'
import { dropout } from './dropout'
import type { Initializer } from './initializer'
import { Linear } from './linear'
import type { ForwardContext } from './module'
import { Module } from './module'

export interface MultiHeadAttentionOptions {
  /** Dropout of the attention weights. Default 0. */
  readonly dropout?: number
  /** Standard deviation of the starting weights. Default: {@link Linear}'s. */
  readonly std?: number
}

export interface AttentionInputs {
  /** Added to the scores before the softmax; broadcasts to [batch, heads, queries, keys]. */
  readonly attentionBias?: tf.Tensor | undefined
}

/** Scaled dot-product self-attention over several heads (Vaswani et al. 2017, section 3.2.2). */
export class MultiHeadAttention extends Module {
  readonly kProj: Linear
  readonly vProj: Linear
  readonly qProj: Linear
  readonly outProj: Linear
  readonly #dropout: number

  constructor(
    private readonly embedDim: number,
    private readonly heads: number,
    init: Initializer,
    options: MultiHeadAttentionOptions = {},
  ) {
    super()
    if (embedDim % heads !== 0)
      throw new RangeError(`attention: ${embedDim} features do not divide into ${heads} heads.`)
    const linear = () => new Linear(embedDim, embedDim, init, options.std === undefined ? {} : { std: options.std })
    this.kProj = linear()
    this.vProj = linear()
    this.qProj = linear()
    this.outProj = linear()
    this.#dropout = options.dropout ?? 0
  }

  /** [batch, time, embedDim] -> the same */
  forward(x: tf.Tensor3D, context: ForwardContext, { attentionBias }: AttentionInputs = {}): tf.Tensor3D {
    const [batch, time] = x.shape
    const width = this.embedDim / this.heads
    const split = (y: tf.Tensor3D) =>
      tf.transpose(tf.reshape(y, [batch, time, this.heads, width]), [0, 2, 1, 3]) as tf.Tensor4D
    const query = split(tf.mul(this.qProj.forward(x), width ** -0.5) as tf.Tensor3D)
    const key = split(this.kProj.forward(x))
    const value = split(this.vProj.forward(x))
    const scores = tf.matMul(query, key, false, true)
    const weights = tf.softmax(attentionBias ? tf.add(scores, attentionBias) : scores)
    const mixed = tf.matMul(dropout(weights, this.#dropout, context), value)
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, time, this.embedDim]) as tf.Tensor3D
    return this.outProj.forward(joined)
  }
}
