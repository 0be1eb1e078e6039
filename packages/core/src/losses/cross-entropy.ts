import * as tf from '@tensorflow/tfjs-core'

/**
 * -log softmax(logits)[target] of each row.
 *
 * @param logits [..., classes]
 * @param targets int32 [...]; one that is no class gives 0, and no gradient
 * @returns [...]
 */
export const crossEntropyRows = (logits: tf.Tensor, targets: tf.Tensor): tf.Tensor => {
  const classes = logits.shape[logits.rank - 1]!
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(targets, classes)), -1))
}

/** 1 where the highest score is the target's, else 0; float32 [...]. */
export const hits = (logits: tf.Tensor, targets: tf.Tensor): tf.Tensor =>
  tf.cast(tf.equal(tf.argMax(logits, -1), tf.cast(targets, 'int32')), 'float32')

export interface CrossEntropyInputs {
  /** [..., classes], before the softmax */
  readonly logits: tf.Tensor
  /** int32 [...] */
  readonly targets: tf.Tensor
  /** Targets that do not count: Hugging Face's -100, or fairseq's padding token. Default -100. */
  readonly ignoreId?: number
}

export interface LabelSmoothedInputs extends CrossEntropyInputs {
  /** ε: the probability that is spread over the other classes. */
  readonly smoothing: number
}

export interface CrossEntropyOutput {
  /** Summed over the targets that count */
  readonly loss: tf.Scalar
  /** Without smoothing, summed likewise */
  readonly nllLoss: tf.Scalar
  /** Targets that count */
  readonly sampleSize: tf.Scalar
  /** Of them, those that scored highest */
  readonly correct: tf.Scalar
}

/**
 * Cross-entropy with label smoothing in fairseq's form, summed: (1 - ε - ε') nll + ε' sum over all classes of -log p, with
 * ε' = ε / (classes - 1). (The others get ε' each and the target 1 - ε.)
 */
export const labelSmoothedCrossEntropy = (inputs: LabelSmoothedInputs): CrossEntropyOutput => {
  const { logits, targets, smoothing, ignoreId = -100 } = inputs
  const classes = logits.shape[logits.rank - 1]!
  if (!(smoothing >= 0 && smoothing < 1) || (smoothing > 0 && classes < 2))
    throw new RangeError(`label smoothing of ${smoothing} over ${classes} classes is not possible.`)
  const counts = tf.cast(tf.notEqual(targets, tf.scalar(ignoreId, 'int32')), 'float32')
  const logProbs = tf.logSoftmax(logits)
  const total = (rows: tf.Tensor) => tf.sum(tf.mul(rows, counts)) as tf.Scalar
  const nllLoss = total(tf.neg(tf.sum(tf.mul(logProbs, tf.oneHot(targets, classes)), -1)))
  const sampleSize = tf.sum(counts) as tf.Scalar
  const correct = total(hits(logits, targets))
  if (smoothing === 0) return { loss: nllLoss, nllLoss, sampleSize, correct }
  const share = smoothing / (classes - 1)
  const smooth = total(tf.neg(tf.sum(logProbs, -1)))
  const loss = tf.add(tf.mul(nllLoss, 1 - smoothing - share), tf.mul(smooth, share)) as tf.Scalar
  return { loss, nllLoss, sampleSize, correct }
}

/** Plain cross-entropy, summed; divide by `sampleSize` for the mean that Hugging Face's models give. */
export const crossEntropy = (inputs: CrossEntropyInputs): CrossEntropyOutput =>
  labelSmoothedCrossEntropy({ ...inputs, smoothing: 0 })
