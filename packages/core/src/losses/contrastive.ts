import * as tf from '@tensorflow/tfjs-core'
import { stopGradient } from '../ops/index'

export interface ContrastiveInputs {
  /** Context vectors [batch, time, dim] */
  readonly projectedStates: tf.Tensor3D
  /** Quantised targets [batch, time, dim] */
  readonly projectedQuantizedStates: tf.Tensor3D
  /** int32 [batch, time, groups]: equal rows are equal targets */
  readonly codeIndices: tf.Tensor3D
  /** int32 [batch, time, K]: frames of the same utterance, counted through the flattened batch (b * time + t) as in Hugging Face */
  readonly sampledNegativeIndices: tf.Tensor3D
  /** [batch, time], 1 at the masked frames */
  readonly maskTimeIndices: tf.Tensor2D
  /** κ; the cosine is divided by it. */
  readonly temperature: number
}

export interface ContrastiveOutput {
  /** Cross-entropy, summed over the masked frames */
  readonly loss: tf.Scalar
  /** [batch, time, 1 + K], the positive first; only masked frames mean something */
  readonly logits: tf.Tensor3D
  /** [batch, time, K], true where a distractor is the positive's own code (its logit is -inf) */
  readonly negativeIsPositive: tf.Tensor3D
  /** Share of masked frames whose positive scores highest */
  readonly accuracy: tf.Scalar
}

const unit = (x: tf.Tensor3D): tf.Tensor3D => {
  const norm = tf.maximum(tf.sqrt(tf.add(tf.sum(tf.square(x), -1, true), 1e-30)), 1e-8)
  return tf.div(x, norm) as tf.Tensor3D
}

/**
 * The contrastive loss of wav2vec 2.0 (section 3.2, equation 3): tell a masked frame's quantised target from K distractors by cosine
 * similarity. Distractors with the positive's code are left out.
 *
 * All similarities within an utterance are one matrix product; the distractors' are then picked out of it, which is far less work
 * than gathering their vectors.
 */
export const contrastiveLoss = (inputs: ContrastiveInputs): ContrastiveOutput => {
  const {
    projectedStates,
    projectedQuantizedStates,
    codeIndices,
    sampledNegativeIndices,
    maskTimeIndices,
    temperature,
  } = inputs
  const [batch, time] = projectedStates.shape
  const distractors = sampledNegativeIndices.shape[2]
  const mask = tf.cast(maskTimeIndices, 'float32')

  const context = unit(projectedStates)
  const targets = unit(projectedQuantizedStates)
  const similarities = tf.matMul(context, targets, false, true)
  const positive = tf.sum(tf.mul(context, targets), -1, true)

  // Position of (b, t, distractor) in the flattened [batch, time, time].
  const int = (value: number) => tf.scalar(value, 'int32')
  const first = tf.reshape(tf.mul(tf.range(0, batch, 1, 'int32'), int(time)), [batch, 1, 1])
  const row = tf.mul(tf.add(first, tf.reshape(tf.range(0, time, 1, 'int32'), [1, time, 1])), int(time))
  const withinUtterance = tf.minimum(tf.maximum(tf.sub(sampledNegativeIndices, first), int(0)), int(time - 1))
  const at = tf.reshape(tf.add(row, withinUtterance), [-1]) as tf.Tensor1D
  const pick = (t: tf.Tensor) =>
    tf.reshape(tf.gather(tf.reshape(t, [-1]), at), [batch, time, distractors]) as tf.Tensor3D

  const sameCode = tf.all(tf.equal(tf.expandDims(codeIndices, 2), tf.expandDims(codeIndices, 1)), -1)
  const negativeIsPositive = tf.cast(pick(tf.cast(sameCode, 'int32')), 'bool') as tf.Tensor3D
  const scores = tf.div(pick(similarities), temperature)
  const negatives = tf.where(negativeIsPositive, tf.fill(scores.shape, Number.NEGATIVE_INFINITY), scores)
  const logits = tf.concat([tf.div(positive, temperature), negatives], 2) as tf.Tensor3D

  const crossEntropy = tf.neg(tf.squeeze(tf.slice(tf.logSoftmax(logits), [0, 0, 0], [batch, time, 1]), [2]))
  const loss = tf.sum(tf.mul(crossEntropy, mask)) as tf.Scalar

  const fixed = stopGradient(logits)
  const best = tf.max(tf.slice(fixed, [0, 0, 1], [batch, time, distractors]), -1)
  const hit = tf.cast(tf.greater(tf.squeeze(tf.slice(fixed, [0, 0, 0], [batch, time, 1]), [2]), best), 'float32')
  const accuracy = tf.div(tf.sum(tf.mul(hit, mask)), tf.maximum(tf.sum(mask), 1)) as tf.Scalar
  return { loss, logits, negativeIsPositive, accuracy }
}
