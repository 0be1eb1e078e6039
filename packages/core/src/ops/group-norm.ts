import * as tf from '@tensorflow/tfjs-core'
import { normalise } from './normalise'

export interface GroupNormOptions {
  /** Groups of neighbouring channels that share statistics. */
  readonly groups: number
  readonly eps: number
  /** [batch, time], 1 where a frame counts. Without it every frame does, padding included, as in the reference. */
  readonly mask?: tf.Tensor | undefined
}

/**
 * Group normalisation over time and the channels of a group (Wu and He 2018).
 *
 * @param x [batch, time, channels]
 * @param weight [channels]
 * @param bias [channels]
 */
export const groupNorm = (
  x: tf.Tensor3D,
  weight: tf.Tensor,
  bias: tf.Tensor,
  options: GroupNormOptions,
): tf.Tensor3D => {
  const { groups, eps, mask } = options
  const [batch, time, channels] = x.shape
  if (channels % groups !== 0)
    throw new RangeError(`groupNorm: ${channels} channels do not divide into ${groups} groups.`)
  const perGroup = channels / groups
  const affine = (normal: tf.Tensor) => tf.add(tf.mul(normal, weight), bias) as tf.Tensor3D
  if (perGroup === 1) {
    return affine(normalise(x, eps, { axes: [1], weight: mask && tf.reshape(mask, [batch, time, 1]) }))
  }
  const grouped = tf.reshape(x, [batch, time, groups, perGroup])
  const normal = normalise(grouped, eps, { axes: [1, 3], weight: mask && tf.reshape(mask, [batch, time, 1, 1]) })
  return affine(tf.reshape(normal, x.shape))
}
