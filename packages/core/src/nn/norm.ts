import type * as tf from '@tensorflow/tfjs-core'
import { groupNorm, layerNorm } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'

/** Layer normalisation over the last axis, with scale and shift. */
export class LayerNorm extends Module {
  readonly weight: tf.Variable
  readonly bias: tf.Variable

  /** @param eps Added to the variance. Default 1e-5. */
  constructor(
    features: number,
    init: Initializer,
    private readonly eps = 1e-5,
  ) {
    super()
    this.weight = init.constant([features], 1)
    this.bias = init.constant([features], 0)
  }

  /** [..., features] -> the same */
  forward<T extends tf.Tensor>(x: T): T {
    return layerNorm(x, this.weight, this.bias, this.eps)
  }
}

/** Group normalisation of [batch, time, channels] over time and the channels of a group, with scale and shift. */
export class GroupNorm extends Module {
  readonly weight: tf.Variable
  readonly bias: tf.Variable

  constructor(
    private readonly groups: number,
    channels: number,
    init: Initializer,
    private readonly eps = 1e-5,
  ) {
    super()
    this.weight = init.constant([channels], 1)
    this.bias = init.constant([channels], 0)
  }

  /** @param mask [batch, time], 1 where a frame counts; default: every frame, padding too. */
  forward(x: tf.Tensor3D, mask?: tf.Tensor): tf.Tensor3D {
    return groupNorm(x, this.weight, this.bias, { groups: this.groups, eps: this.eps, mask })
  }
}
