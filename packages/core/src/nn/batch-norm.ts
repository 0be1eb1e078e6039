import * as tf from '@tensorflow/tfjs-core'
import { batchNorm, batchNormInference, batchStatistics } from '../ops/index'
import type { Initializer } from './initializer'
import { type ForwardContext, Module } from './module'

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
  /** Weight of a batch in the running statistics. Default 0.1. */
  readonly momentum?: number
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015) over all axes but the last, so it serves [batch, time, channels],
 * [batch, height, width, channels] and [batch, time, height, width, channels] alike (PyTorch's BatchNorm1d, 2d and 3d).
 *
 * In training a batch is normalised by its own mean and biased variance, padding included, and the running statistics, which are
 * buffers, move towards its mean and unbiased variance: an assignment on the engine, so it belongs to the compiled step. Else the running
 * statistics normalise, and nothing is assigned.
 *
 * On several devices the statistics are those of the whole batch. Under gradient accumulation each micro-batch has its own and moves
 * the running ones, as in PyTorch: a model with batch normalisation is the one kind for which accumulation is not the large batch.
 */
export class BatchNorm extends Module {
  readonly weight: tf.Variable
  readonly bias: tf.Variable
  readonly runningMean: tf.Variable
  readonly runningVar: tf.Variable
  /** int32: batches that the running statistics have seen. */
  readonly numBatchesTracked: tf.Variable
  readonly #eps: number
  readonly #momentum: number

  constructor(channels: number, init: Initializer, options: BatchNormOptions = {}) {
    super()
    this.weight = init.constant([channels], 1)
    this.bias = init.constant([channels], 0)
    this.runningMean = init.buffer([channels], 0)
    this.runningVar = init.buffer([channels], 1)
    this.numBatchesTracked = init.buffer([], 0, 'int32')
    this.#eps = options.eps ?? 1e-5
    this.#momentum = options.momentum ?? 0.1
  }

  protected override bufferNames() {
    return ['runningMean', 'runningVar', 'numBatchesTracked']
  }

  /**
   * [..., channels] -> the same
   *
   * @throws RangeError in training on a single position a channel, whose variance says nothing.
   */
  forward<T extends tf.Tensor>(x: T, { training }: Pick<ForwardContext, 'training'>): T {
    if (!training) {
      const statistics = { mean: this.runningMean as tf.Tensor, variance: this.runningVar as tf.Tensor }
      return batchNormInference(x, this.weight, this.bias, statistics as never, this.#eps)
    }
    const positions = x.size / x.shape[x.rank - 1]!
    if (positions < 2) throw new RangeError(`batch norm in training needs two positions a channel; x is [${x.shape}].`)
    tf.tidy(() => this.#track(x, positions))
    return batchNorm(x, this.weight, this.bias, this.#eps)
  }

  #track(x: tf.Tensor, positions: number): void {
    const { mean, variance } = batchStatistics(x)
    const towards = (running: tf.Variable, value: tf.Tensor) =>
      running.assign(tf.add(tf.mul(running, 1 - this.#momentum), tf.mul(value, this.#momentum)))
    towards(this.runningMean, mean)
    towards(this.runningVar, tf.mul(variance, positions / (positions - 1)))
    this.numBatchesTracked.assign(tf.add(this.numBatchesTracked, tf.scalar(1, 'int32')))
  }
}
