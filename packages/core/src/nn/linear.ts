import * as tf from '@tensorflow/tfjs-core'
import type { Initializer } from './initializer'
import { Module } from './module'

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Standard deviation of the starting weights. Default: PyTorch's uniform on ±1/sqrt(inFeatures). */
  readonly std?: number
  /** A weight that it shares with another module, such as an embedding's (tied output layer). Default: one of its own. */
  readonly weight?: tf.Variable
}

/** y = x Wᵀ + b, with W [outFeatures, inFeatures] as in PyTorch. */
export class Linear extends Module {
  readonly weight: tf.Variable
  readonly bias?: tf.Variable

  constructor(
    private readonly inFeatures: number,
    private readonly outFeatures: number,
    init: Initializer,
    options: LinearOptions = {},
  ) {
    super()
    const bound = 1 / Math.sqrt(inFeatures)
    const shape = [outFeatures, inFeatures]
    const { weight, std } = options
    if (weight && !tf.util.arraysEqual(weight.shape, shape))
      throw new RangeError(`linear: a shared weight [${weight.shape}] where [${shape}] is needed.`)
    this.weight = weight ?? (std === undefined ? init.uniform(shape, bound) : init.normal(shape, std))
    if (options.bias !== false)
      this.bias = options.std === undefined ? init.uniform([outFeatures], bound) : init.constant([outFeatures], 0)
  }

  /** [..., inFeatures] -> [..., outFeatures] */
  forward<T extends tf.Tensor>(x: T): T {
    const rows = tf.reshape(x, [-1, this.inFeatures])
    const product = tf.matMul(rows, this.weight as unknown as tf.Tensor2D, false, true)
    const y = this.bias ? tf.add(product, this.bias) : product
    return tf.reshape(y, [...x.shape.slice(0, -1), this.outFeatures]) as T
  }
}
