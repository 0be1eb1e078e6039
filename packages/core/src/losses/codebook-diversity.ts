import * as tf from '@tensorflow/tfjs-core'

/**
 * Diversity loss of wav2vec 2.0's codebooks (section 3.2, equation 4, in the form of the reference implementations):
 * (GV - perplexity) / GV, which is 0 when all G codebooks of V entries are used evenly.
 *
 * @param perplexity Summed over the codebooks, as the quantiser gives it.
 * @param codevectors G times V.
 */
export const codebookDiversity = (perplexity: tf.Scalar, codevectors: number): tf.Scalar =>
  tf.div(tf.sub(codevectors, perplexity), codevectors) as tf.Scalar
