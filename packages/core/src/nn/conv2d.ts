import * as tf from '@tensorflow/tfjs-core'
import { type Conv2dOptions, conv2d } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'

export interface Conv2dModuleOptions extends Conv2dOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Standard deviation of the starting weights. Default: He et al. 2015 for the fan-in. */
  readonly std?: number
}

/** Convolution of images [batch, height, width, channels] with PyTorch's weight [out, in, kernelHeight, kernelWidth]. */
export class Conv2d extends Module {
  readonly weight: tf.Variable
  readonly bias?: tf.Variable
  readonly #options: Conv2dOptions

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number],
    init: Initializer,
    options: Conv2dModuleOptions = {},
  ) {
    super()
    const { bias = true, std, ...rest } = options
    const sides = typeof kernel === 'number' ? [kernel, kernel] : [...kernel]
    const fanIn = inChannels * sides[0]! * sides[1]!
    this.weight = init.normal([outChannels, inChannels, ...sides], std ?? Math.sqrt(2 / fanIn))
    if (bias) this.bias = init.uniform([outChannels], 1 / Math.sqrt(fanIn))
    this.#options = rest
  }

  forward(x: tf.Tensor4D): tf.Tensor4D {
    const y = conv2d(x, this.weight as unknown as tf.Tensor4D, this.#options)
    return this.bias ? (tf.add(y, this.bias) as tf.Tensor4D) : y
  }
}
