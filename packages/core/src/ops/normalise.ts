import * as tf from '@tensorflow/tfjs-core'

/** What {@link normalise} needs to know of the axes that share a mean and a variance. */
interface Statistics {
  /** Axes that are averaged over; kept with length 1. */
  readonly axes: number[]
  /** Weight of each position in the statistics, broadcast against x: 1 counts, 0 does not. Default: all count. */
  readonly weight?: tf.Tensor | undefined
}

const meanOver = (x: tf.Tensor, { axes, weight }: Statistics, count: tf.Tensor | undefined): tf.Tensor =>
  weight === undefined ? tf.mean(x, axes, true) : tf.div(tf.sum(tf.mul(x, weight), axes, true), count!)

/**
 * (x - mean) / sqrt(variance + eps) with the biased variance, and its hand-written gradient
 * dx = (dy - w mean(dy) - w n mean(dy n)) / sigma, where n is the result, w the positions' weight and the means of the second and
 * third term are sums over all positions divided by the count of those that have weight.
 */
export const normalise = (x: tf.Tensor, eps: number, statistics: Statistics): tf.Tensor => {
  const { axes, weight } = statistics
  const forward = tf.customGrad((input, save) => {
    const value = input as tf.Tensor
    const count =
      weight === undefined ? undefined : tf.maximum(tf.sum(spread(weight, value.shape, axes), axes, true), 1)
    const centred = tf.sub(value, meanOver(value, statistics, count))
    const variance = meanOver(tf.square(centred), statistics, count)
    const inverse = tf.rsqrt(tf.add(variance, eps))
    const normal = tf.mul(centred, inverse)
    // The weight is saved too: what is captured from outside may be disposed by the time of the gradient.
    ;(save as tf.GradSaveFunc)([normal, inverse, ...(count && weight ? [count, weight] : [])])
    return {
      value: normal,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [n, scale, total, counts] = saved as [tf.Tensor, tf.Tensor, tf.Tensor?, tf.Tensor?]
        const average = (t: tf.Tensor) => (total ? tf.div(tf.sum(t, axes, true), total) : tf.mean(t, axes, true))
        const shared = tf.add(average(dy), tf.mul(n, average(tf.mul(dy, n))))
        return tf.mul(tf.sub(dy, counts ? tf.mul(shared, counts) : shared), scale)
      },
    }
  })
  return forward(x)
}

/** Broadcasts weights to the length of `x` along the averaged axes, so that their sum counts positions. */
const spread = (weight: tf.Tensor, shape: readonly number[], axes: readonly number[]): tf.Tensor => {
  const target = weight.shape.map((n, i) => (axes.includes(i) ? shape[i]! : n))
  return tf.broadcastTo(weight, target)
}
