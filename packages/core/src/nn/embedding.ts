import * as tf from '@tensorflow/tfjs-core'
import { stopGradient } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'

export interface EmbeddingOptions {
  /** A token whose row starts at zero and gets no gradient from being looked up. Default: none. */
  readonly paddingId?: number
  /** Standard deviation of the starting rows. Default: 1 / sqrt(features), as fairseq. */
  readonly std?: number
}

/** A trained vector for each token. */
export class Embedding extends Module {
  /** [tokens, features] */
  readonly weight: tf.Variable
  readonly #paddingId: number | undefined

  constructor(tokens: number, features: number, init: Initializer, options: EmbeddingOptions = {}) {
    super()
    const { paddingId, std = features ** -0.5 } = options
    if (paddingId !== undefined && !(Number.isInteger(paddingId) && paddingId >= 0 && paddingId < tokens))
      throw new RangeError(`embedding: the padding token ${paddingId} is not one of the ${tokens} tokens.`)
    this.weight = init.from([tokens, features], (rng, count) => {
      const values = Float32Array.from({ length: count }, () => rng.normal() * std)
      if (paddingId !== undefined) values.fill(0, paddingId * features, (paddingId + 1) * features)
      return values
    })
    this.#paddingId = paddingId
  }

  /** int32 tokens [...] -> [..., features] */
  forward(tokens: tf.Tensor): tf.Tensor3D {
    const rows = tf.gather(this.weight, tokens)
    if (this.#paddingId === undefined) return rows as tf.Tensor3D
    const isPadding = tf.expandDims(tf.equal(tokens, tf.scalar(this.#paddingId, 'int32')), -1)
    return tf.where(tf.broadcastTo(isPadding, rows.shape), stopGradient(rows), rows) as tf.Tensor3D
  }

  /** Scores of all tokens by the same vectors (a tied output layer): [..., features] -> [..., tokens] */
  logits<T extends tf.Tensor>(x: T): T {
    const [tokens, features] = this.weight.shape as [number, number]
    const rows = tf.matMul(tf.reshape(x, [-1, features]) as tf.Tensor2D, this.weight as never, false, true)
    return tf.reshape(rows, [...x.shape.slice(0, -1), tokens]) as T
  }
}
