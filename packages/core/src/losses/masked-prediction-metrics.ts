import * as tf from '@tensorflow/tfjs-core'
import type { MaskedPredictionOutput } from './masked-prediction'

/**
 * The metrics of masked prediction, for an objective that predicts clusters: `sampleSize`; `maskedLoss` and `unmaskedLoss`, cross-entropy in nats for each masked and
 * each other frame, and `maskedAccuracy` and `unmaskedAccuracy`, the shares of them whose cluster scores highest. With several label sets they are averages over these, and each
 * set has its own, such as `maskedAccuracy.1`.
 */
export const maskedPredictionMetrics = (prediction: MaskedPredictionOutput): Record<string, tf.Scalar> => {
  const { sets, sampleSize, maskedFrames, unmaskedFrames } = prediction
  const share = (part: tf.Scalar, frames: tf.Scalar) => tf.div(part, tf.maximum(frames, 1)) as tf.Scalar
  const each = sets.map(({ masked, unmasked, correctMasked, correctUnmasked }) => ({
    maskedLoss: share(masked, maskedFrames),
    unmaskedLoss: share(unmasked, unmaskedFrames),
    maskedAccuracy: share(correctMasked, maskedFrames),
    unmaskedAccuracy: share(correctUnmasked, unmaskedFrames),
  }))
  const names = ['maskedLoss', 'unmaskedLoss', 'maskedAccuracy', 'unmaskedAccuracy'] as const
  const average = (terms: readonly tf.Scalar[]) => tf.mean(tf.stack([...terms])) as tf.Scalar
  return {
    sampleSize,
    ...Object.fromEntries(
      names.map((name) => [name, each.length === 1 ? each[0]![name] : average(each.map((set) => set[name]))]),
    ),
    ...(each.length === 1
      ? {}
      : Object.fromEntries(each.flatMap((set, i) => names.map((name) => [`${name}.${i}`, set[name]])))),
  }
}
