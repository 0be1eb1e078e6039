import * as tf from '@tensorflow/tfjs-core'
import { stopGradient } from './stop-gradient'

/** Batch statistics, one number a channel, seen as constants by differentiation. */
export interface BatchStatistics {
  readonly mean: tf.Tensor1D
  /** Of the batch itself, divided by the count. */
  readonly variance: tf.Tensor1D
}

/** [..., channels] -> [positions, channels] */
const rowsOf = (x: tf.Tensor): tf.Tensor2D => tf.reshape(x, [-1, x.shape[x.rank - 1]!]) as tf.Tensor2D

/** Mean and biased variance of [..., channels] over all axes but the last. */
const statisticsOf = (x: tf.Tensor): { mean: tf.Tensor; variance: tf.Tensor; centred: tf.Tensor2D } => {
  const rows = rowsOf(x)
  const mean = tf.mean(rows, 0)
  const centred = tf.sub(rows, mean) as tf.Tensor2D
  return { mean, variance: tf.mean(tf.square(centred), 0), centred }
}

/** The statistics of a batch [..., channels], for running averages. */
export const batchStatistics = (x: tf.Tensor): BatchStatistics => {
  const { mean, variance } = statisticsOf(stopGradient(x))
  return { mean: mean as tf.Tensor1D, variance: variance as tf.Tensor1D }
}

/**
 * Batch normalisation by the batch's own statistics (Ioffe and Szegedy 2015, algorithm 1): n = (x - mean) / sqrt(variance + eps) over
 * all axes but the last, then weight n + bias. The gradient, with N positions and g the gradient of the result, is
 * dx = weight / sigma (g - sum(g) / N - n sum(g n) / N); its two sums are also the gradients of bias and weight.
 *
 * @param x [..., channels]
 * @param weight [channels]
 * @param bias [channels]
 */
export const batchNorm = <T extends tf.Tensor>(x: T, weight: tf.Tensor, bias: tf.Tensor, eps: number): T => {
  const compute = tf.customGrad((input, scale, shift, save) => {
    const [value, weights] = [input as tf.Tensor, scale as tf.Tensor]
    const { variance, centred } = statisticsOf(value)
    const inverse = tf.rsqrt(tf.add(variance, eps))
    const normal = tf.mul(centred, inverse)
    ;(save as tf.GradSaveFunc)([normal, inverse, weights])
    return {
      value: tf.reshape(tf.add(tf.mul(normal, weights), shift as tf.Tensor), value.shape),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [n, inverseSigma, w] = saved as [tf.Tensor2D, tf.Tensor, tf.Tensor]
        const g = rowsOf(dy)
        const count = n.shape[0]
        const dBias = tf.sum(g, 0)
        const dWeight = tf.sum(tf.mul(g, n), 0)
        const centredGradient = tf.sub(tf.sub(g, tf.div(dBias, count)), tf.mul(n, tf.div(dWeight, count)))
        const dx = tf.reshape(tf.mul(centredGradient, tf.mul(w, inverseSigma)), dy.shape)
        return [dx, dWeight, dBias]
      },
    }
  })
  return compute(x, weight, bias) as T
}

/** Normalisation by given (running) statistics: weight (x - mean) / sqrt(variance + eps) + bias. */
export const batchNormInference = <T extends tf.Tensor>(
  x: T,
  weight: tf.Tensor,
  bias: tf.Tensor,
  { mean, variance }: BatchStatistics,
  eps: number,
): T => {
  const scale = tf.mul(weight, tf.rsqrt(tf.add(variance, eps)))
  return tf.add(tf.mul(tf.sub(x, mean), scale), bias) as T
}
