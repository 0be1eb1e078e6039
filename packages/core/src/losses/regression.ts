import * as tf from '@tensorflow/tfjs-core'
import { stopGradient } from '../ops/index'

/** Mean over the elements where `mask` (broadcast to x) is 1; 0 where there is none. */
const maskedMean = (x: tf.Tensor, mask: tf.Tensor | undefined): tf.Scalar => {
  if (!mask) return tf.mean(x) as tf.Scalar
  const weights = tf.broadcastTo(tf.cast(mask, 'float32'), x.shape)
  return tf.div(tf.sum(tf.mul(x, weights)), tf.maximum(tf.sum(weights), 1)) as tf.Scalar
}

/**
 * Mean absolute error.
 *
 * @param mask 1 where an element counts; broadcasts to the predictions. Default: all.
 */
export const l1Loss = (predictions: tf.Tensor, targets: tf.Tensor, mask?: tf.Tensor): tf.Scalar =>
  maskedMean(tf.abs(tf.sub(predictions, targets)), mask)

export interface BinaryCrossEntropyOptions {
  /** Weight of the positives (PyTorch's `pos_weight`). Default 1. */
  readonly positiveWeight?: number
  /** 1 where an element counts; broadcasts to the logits. Default: all. */
  readonly mask?: tf.Tensor
}

/** Mean binary cross-entropy of logits: -w y log σ(x) - (1 - y) log σ(-x). */
export const binaryCrossEntropy = (
  logits: tf.Tensor,
  targets: tf.Tensor,
  { positiveWeight = 1, mask }: BinaryCrossEntropyOptions = {},
): tf.Scalar => {
  // log σ(-x) = -softplus(x), log σ(x) = -softplus(-x).
  const positive = tf.mul(tf.mul(targets, positiveWeight), tf.softplus(tf.neg(logits)))
  return maskedMean(tf.add(positive, tf.mul(tf.sub(1, targets), tf.softplus(logits))), mask)
}

/**
 * Squared error up to `beta`, absolute beyond (Girshick 2015), of each element: d² / (2 beta) or |d| - beta / 2; with `beta` 0 it is d², as
 * data2vec has it.
 */
export const smoothL1 = (predictions: tf.Tensor, targets: tf.Tensor, beta: number): tf.Tensor => {
  const difference = tf.sub(predictions, targets)
  if (beta === 0) return tf.square(difference)
  const distance = tf.abs(difference)
  const near = tf.div(tf.square(difference), 2 * beta)
  return tf.where(tf.less(stopGradient(distance), beta), near, tf.sub(distance, beta / 2))
}
