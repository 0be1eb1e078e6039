import * as tf from '@tensorflow/tfjs-core'
import { type Conv1dOptions, conv1d } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'

export interface Conv1dModuleOptions extends Conv1dOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Standard deviation of the starting weights. Default: He et al. 2015 for the fan-in. */
  readonly std?: number
}

/** One-dimensional convolution over [batch, time, channels] with PyTorch's weight [out, in / groups, kernel]. */
export class Conv1d extends Module {
  readonly weight: tf.Variable
  readonly bias?: tf.Variable
  readonly #options: Conv1dOptions

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    init: Initializer,
    options: Conv1dModuleOptions = {},
  ) {
    super()
    const { bias = true, std, ...rest } = options
    const groupChannels = inChannels / (options.groups ?? 1)
    this.weight = init.normal([outChannels, groupChannels, kernel], std ?? Math.sqrt(2 / (groupChannels * kernel)))
    if (bias) this.bias = init.uniform([outChannels], 1 / Math.sqrt(groupChannels * kernel))
    this.#options = rest
  }

  forward(x: tf.Tensor3D): tf.Tensor3D {
    const y = conv1d(x, this.weight as unknown as tf.Tensor3D, this.#options)
    return this.bias ? (tf.add(y, this.bias) as tf.Tensor3D) : y
  }
}
