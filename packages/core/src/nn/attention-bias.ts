import * as tf from '@tensorflow/tfjs-core'

/** What is added to a score that must not count: the lowest float32, as the reference implementations take. */
export const EXCLUDED = -3.4028234663852886e38

/** [batch, keys] with 1 at valid keys -> [batch, 1, 1, keys]: 0 there and {@link EXCLUDED} at the others. */
export const paddingBias = (mask: tf.Tensor): tf.Tensor4D => {
  const [batch, keys] = mask.shape as [number, number]
  const valid = tf.reshape(tf.cast(mask, 'float32'), [batch, 1, 1, keys])
  return tf.mul(tf.sub(1, valid), EXCLUDED) as tf.Tensor4D
}

/** [1, 1, time, time]: a position may not see those after it. */
export const causalBias = (time: number): tf.Tensor4D => {
  const at = tf.range(0, time, 1, 'int32')
  const later = tf.cast(tf.greater(tf.expandDims(at, 0), tf.expandDims(at, 1)), 'float32')
  return tf.reshape(tf.mul(later, EXCLUDED), [1, 1, time, time])
}

/** [1, 1, 1, length]: nothing after `position`, an int32 scalar on the engine, may be seen. */
export const afterPositionBias = (position: tf.Tensor, length: number): tf.Tensor4D => {
  const later = tf.cast(tf.greater(tf.range(0, length, 1, 'int32'), position), 'float32')
  return tf.reshape(tf.mul(later, EXCLUDED), [1, 1, 1, length])
}
