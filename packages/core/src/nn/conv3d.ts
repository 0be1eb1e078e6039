import * as tf from '@tensorflow/tfjs-core'
import { type Conv3dOptions, conv3d } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'

export interface Conv3dModuleOptions extends Conv3dOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Standard deviation of the starting weights. Default: He et al. 2015 for the fan-in. */
  readonly std?: number
}

/** Convolution of video [batch, time, height, width, channels] with PyTorch's weight [out, in, kernelTime, kernelHeight, kernelWidth]. */
export class Conv3d extends Module {
  readonly weight: tf.Variable
  readonly bias?: tf.Variable
  readonly #options: Conv3dOptions

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number, number],
    init: Initializer,
    options: Conv3dModuleOptions = {},
  ) {
    super()
    const { bias = true, std, ...rest } = options
    const sides = typeof kernel === 'number' ? [kernel, kernel, kernel] : [...kernel]
    const fanIn = inChannels * sides.reduce((product, side) => product * side)
    this.weight = init.normal([outChannels, inChannels, ...sides], std ?? Math.sqrt(2 / fanIn))
    if (bias) this.bias = init.uniform([outChannels], 1 / Math.sqrt(fanIn))
    this.#options = rest
  }

  forward(x: tf.Tensor5D): tf.Tensor5D {
    const y = conv3d(x, this.weight as unknown as tf.Tensor5D, this.#options)
    return this.bias ? (tf.add(y, this.bias) as tf.Tensor5D) : y
  }
}
