import type * as tf from '@tensorflow/tfjs-core'
import { gelu } from '../ops/index'
import { dropout } from './dropout'
import type { Initializer } from './initializer'
import { Linear } from './linear'
import type { ForwardContext } from './module'
import { Module } from './module'

export interface FeedForwardOptions {
  /** After the activation. Default 0. */
  readonly activationDropout?: number
  /** After the second layer. Default 0. */
  readonly dropout?: number
  readonly activation?: (x: tf.Tensor) => tf.Tensor
  readonly std?: number
}

/** Two linear layers with an activation (GELU) between, applied at each position (Vaswani et al. 2017, section 3.3). */
export class FeedForward extends Module {
  readonly intermediateDense: Linear
  readonly outputDense: Linear
  readonly #options: FeedForwardOptions

  constructor(features: number, intermediate: number, init: Initializer, options: FeedForwardOptions = {}) {
    super()
    const linear = options.std === undefined ? {} : { std: options.std }
    this.intermediateDense = new Linear(features, intermediate, init, linear)
    this.outputDense = new Linear(intermediate, features, init, linear)
    this.#options = options
  }

  /** [..., features] -> the same */
  forward<T extends tf.Tensor>(x: T, context: ForwardContext): T {
    const { activation = gelu, activationDropout = 0, dropout: p = 0 } = this.#options
    const inner = dropout(activation(this.intermediateDense.forward(x)), activationDropout, context)
    return dropout(this.outputDense.forward(inner), p, context) as T
  }
}
