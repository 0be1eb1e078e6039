import * as tf from '@tensorflow/tfjs-core'

/** Mean square of the waveform encoder's output, padding included, as fairseq's `features_pen`; [batch, frames, channels]. */
export const featurePenalty = (features: tf.Tensor3D): tf.Scalar => tf.mean(tf.square(features)) as tf.Scalar
