import * as tf from '@tensorflow/tfjs-core'
import { ctcLoss } from '../ops/index'

export interface CtcInputs {
  /** [batch, time, vocabulary], before the softmax */
  readonly logits: tf.Tensor3D
  /** int32 [batch, maxTarget]; negative entries are padding */
  readonly labels: tf.Tensor2D
  /** int32 [batch], in frames */
  readonly inputLengths: tf.Tensor1D
  readonly blankId: number
  /** `mean`: of the losses, each divided by its target's length (at least 1), as PyTorch has it. `sum`: of the losses. */
  readonly reduction: 'mean' | 'sum'
  readonly zeroInfinity: boolean
}

/** Connectionist temporal classification from logits and padded labels, reduced to a scalar. */
export const ctc = ({ logits, labels, inputLengths, blankId, reduction, zeroInfinity }: CtcInputs): tf.Scalar => {
  const targetLengths = tf.sum(tf.cast(tf.greaterEqual(labels, 0), 'int32'), 1) as tf.Tensor1D
  const losses = ctcLoss(tf.logSoftmax(logits), labels, inputLengths, targetLengths, { blankId, zeroInfinity })
  if (reduction === 'sum') return tf.sum(losses) as tf.Scalar
  return tf.mean(tf.div(losses, tf.maximum(tf.cast(targetLengths, 'float32'), 1))) as tf.Scalar
}
