import * as tf from '@tensorflow/tfjs-core'
import { stopGradient } from './stop-gradient'

/**
 * Leaves values alone and multiplies the gradient by `factor` on the way back (fairseq's `feature_grad_mult`); 0 stops it.
 */
export const scaleGradient = <T extends tf.Tensor>(x: T, factor: number): T => {
  if (factor === 1) return x
  if (factor === 0) return stopGradient(x)
  return tf.customGrad((input) => ({
    value: tf.clone(input as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, factor),
  }))(x) as T
}
