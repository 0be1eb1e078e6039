import * as tf from '@tensorflow/tfjs-core'

const SQRT_HALF = Math.SQRT1_2
const NORMAL_PEAK = 1 / Math.sqrt(2 * Math.PI)

/** Φ(x): the standard normal distribution function. */
const normalCdf = (x: tf.Tensor): tf.Tensor => tf.mul(tf.add(tf.erf(tf.mul(x, SQRT_HALF)), 1), 0.5)

/**
 * Gaussian error linear unit x Φ(x), with the exact error function (Hendrycks and Gimpel 2016); any shape. Its derivative is
 * Φ(x) + x φ(x).
 */
export const gelu = <T extends tf.Tensor>(x: T): T =>
  tf.customGrad((input, save) => {
    const value = input as tf.Tensor
    ;(save as tf.GradSaveFunc)([value])
    return {
      value: tf.mul(value, normalCdf(value)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [at] = saved as [tf.Tensor]
        const density = tf.mul(tf.exp(tf.mul(tf.mul(at, at), -0.5)), NORMAL_PEAK)
        return tf.mul(dy, tf.add(normalCdf(at), tf.mul(at, density)))
      },
    }
  })(x) as T
