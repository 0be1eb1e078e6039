import * as tf from '@tensorflow/tfjs-core'
import { crossEntropyRows, hits } from './cross-entropy'

export interface MaskedPredictionInputs {
  /** For each label set [batch, time, clusters], see `ClusterPrediction` */
  readonly logits: readonly tf.Tensor3D[]
  /** For each label set int32 [batch, time] */
  readonly targets: readonly tf.Tensor2D[]
  /** [batch, time], 1 at masked frames */
  readonly maskIndices: tf.Tensor2D
  /** [batch, time], 1 at valid frames; default: all */
  readonly frameMask?: tf.Tensor
  /** Weight of masked frames. Default 1. */
  readonly maskedWeight?: number
  /** Weight of the others. Default 0. */
  readonly unmaskedWeight?: number
}

export interface MaskedPredictionOutput {
  /** Weighted cross-entropy, summed over frames and label sets */
  readonly loss: tf.Scalar
  /** Frames that the loss counts, those of one label set: masked ones where they weigh, plus the others where these weigh */
  readonly sampleSize: tf.Scalar
  /** For each label set the unweighted sums over masked and other frames, and how many frames' clusters scored highest */
  readonly sets: readonly {
    readonly masked: tf.Scalar
    readonly unmasked: tf.Scalar
    readonly correctMasked: tf.Scalar
    readonly correctUnmasked: tf.Scalar
  }[]
  readonly maskedFrames: tf.Scalar
  readonly unmaskedFrames: tf.Scalar
}

/**
 * Masked prediction of clusters (HuBERT, Hsu et al. 2021, equations 1 and 2; AV-HuBERT, VATLM, SpeechT5): cross-entropy over a label set's
 * clusters at masked and, by another weight, at unmasked frames.
 *
 * fairseq's HuBERT puts the target's score in front and takes it out of the others, which is the same loss: each cluster counts once.
 * What differs between the methods is how the scores are made (`ClusterPrediction`: cosine with its clamp, or dot product).
 */
export const maskedPrediction = (inputs: MaskedPredictionInputs): MaskedPredictionOutput => {
  const { logits, targets, maskIndices, frameMask, maskedWeight = 1, unmaskedWeight = 0 } = inputs
  if (logits.length === 0 || logits.length !== targets.length)
    throw new RangeError(`masked prediction: ${logits.length} sets of scores for ${targets.length} sets of labels.`)
  const chosen = tf.cast(maskIndices, 'float32')
  const valid = frameMask ? tf.cast(frameMask, 'float32') : tf.onesLike(chosen)
  const masked = tf.mul(chosen, valid)
  const unmasked = tf.mul(tf.sub(1, chosen), valid)
  const total = (rows: tf.Tensor, frames: tf.Tensor) => tf.sum(tf.mul(rows, frames)) as tf.Scalar
  const sets = logits.map((scores, i) => {
    const rows = crossEntropyRows(scores, targets[i]!)
    const correct = hits(scores, targets[i]!)
    return {
      masked: total(rows, masked),
      unmasked: total(rows, unmasked),
      correctMasked: total(correct, masked),
      correctUnmasked: total(correct, unmasked),
    }
  })
  const maskedFrames = tf.sum(masked) as tf.Scalar
  const unmaskedFrames = tf.sum(unmasked) as tf.Scalar
  const weighted = (weight: number, terms: readonly tf.Scalar[]): tf.Scalar[] =>
    weight === 0 ? [] : terms.map((term) => tf.mul(term, weight) as tf.Scalar)
  const sum = (terms: readonly tf.Scalar[]) =>
    terms.reduce((left, right) => tf.add(left, right) as tf.Scalar, tf.scalar(0))
  return {
    loss: sum([
      ...weighted(
        maskedWeight,
        sets.map((set) => set.masked),
      ),
      ...weighted(
        unmaskedWeight,
        sets.map((set) => set.unmasked),
      ),
    ]),
    sampleSize: sum([...(maskedWeight > 0 ? [maskedFrames] : []), ...(unmaskedWeight > 0 ? [unmaskedFrames] : [])]),
    sets,
    maskedFrames,
    unmaskedFrames,
  }
}
