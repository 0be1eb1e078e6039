import * as tf from '@tensorflow/tfjs-core'
import type { Initializer } from './initializer'
import { Module } from './module'

/** max(x, 0) + a min(x, 0) with a trained slope a for each channel (He et al. 2015, equation 1). */
export class PReLU extends Module {
  /** [channels] */
  readonly weight: tf.Variable

  /** @param slope Where each slope starts. Default 0.25. */
  constructor(channels: number, init: Initializer, slope = 0.25) {
    super()
    this.weight = init.constant([channels], slope)
  }

  /** [..., channels] -> the same */
  forward<T extends tf.Tensor>(x: T): T {
    return tf.prelu(x as tf.Tensor, this.weight as tf.Tensor) as T
  }
}
