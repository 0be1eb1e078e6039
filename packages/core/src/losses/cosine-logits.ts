import * as tf from '@tensorflow/tfjs-core'

/**
 * What keeps a cosine finite where a vector is (nearly) zero.
 * - `each`: each of the two norms is at least 1e-8 (fairseq's HuBERT, through PyTorch's cosine similarity).
 * - `product`: their product is at least 1e-6 (AV-HuBERT, VATLM).
 */
export type CosineClamp = 'each' | 'product'

export interface CosineLogitsOptions {
  readonly temperature: number
  readonly clamp: CosineClamp
}

/** Length of each row, with a finite gradient at zero: [rows, 1] */
const norms = (x: tf.Tensor): tf.Tensor => tf.sqrt(tf.add(tf.sum(tf.square(x), -1, true), 1e-30))

/**
 * Cosine of each vector with each of a set, over a temperature (HuBERT, Hsu et al. 2021, equation 3).
 *
 * @param x [..., features]
 * @param vectors [classes, features]
 * @returns [..., classes]
 */
export const cosineLogits = (
  x: tf.Tensor,
  vectors: tf.Tensor2D,
  { temperature, clamp }: CosineLogitsOptions,
): tf.Tensor => {
  const [classes, features] = vectors.shape
  const rows = tf.reshape(x, [-1, features])
  const cosines =
    clamp === 'each'
      ? tf.matMul(
          tf.div(rows, tf.maximum(norms(rows), 1e-8)),
          tf.div(vectors, tf.maximum(norms(vectors), 1e-8)),
          false,
          true,
        )
      : tf.div(
          tf.matMul(rows, vectors, false, true),
          tf.maximum(tf.matMul(norms(rows), norms(vectors), false, true), 1e-6),
        )
  return tf.reshape(tf.div(cosines, temperature), [...x.shape.slice(0, -1), classes])
}
