import * as tf from '@tensorflow/tfjs-core'

export interface GuidedAttentionInputs {
  /** Cross-attention weights [batch, heads, outputs, inputs]; several layers' heads may be joined on axis 1. */
  readonly attentions: tf.Tensor4D
  /** [batch, inputs], 1 at valid positions */
  readonly inputMask: tf.Tensor2D
  /** [batch, outputs], 1 at valid positions */
  readonly outputMask: tf.Tensor2D
  /** How far from the diagonal weights may lie. Default 0.4. */
  readonly sigma?: number
}

/** Position over length of each valid position: [batch, positions]. */
const progress = (mask: tf.Tensor): tf.Tensor => {
  const positions = tf.range(0, mask.shape[1]!, 1, 'float32')
  return tf.div(positions, tf.maximum(tf.sum(mask, 1, true), 1))
}

/**
 * Guided attention (Tachibana et al. 2018, section 4.1, as SpeechT5 trains text to speech): the mean, over heads and valid positions, of
 * weight (1 - exp(-(input / inputs - output / outputs)² / (2 sigma²))). Low where attention runs along the diagonal.
 */
export const guidedAttention = (inputs: GuidedAttentionInputs): tf.Scalar => {
  const { attentions, sigma = 0.4 } = inputs
  const [batch, heads, outputs, count] = attentions.shape
  const inputMask = tf.cast(inputs.inputMask, 'float32')
  const outputMask = tf.cast(inputs.outputMask, 'float32')
  const along = tf.reshape(progress(inputMask), [batch, 1, 1, count])
  const across = tf.reshape(progress(outputMask), [batch, 1, outputs, 1])
  const penalty = tf.sub(1, tf.exp(tf.div(tf.neg(tf.square(tf.sub(along, across))), 2 * sigma * sigma)))
  const valid = tf.mul(tf.reshape(inputMask, [batch, 1, 1, count]), tf.reshape(outputMask, [batch, 1, outputs, 1]))
  const total = tf.sum(tf.mul(attentions, tf.mul(penalty, valid)))
  return tf.div(total, tf.maximum(tf.mul(tf.sum(valid), heads), 1)) as tf.Scalar
}
