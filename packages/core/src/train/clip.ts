import * as tf from '@tensorflow/tfjs-core'

/**
 * The 2-norm over all gradients taken together, as a scalar on the engine; not finite when any value is not.
 */
export const globalNorm = (gradients: readonly tf.Tensor[]): tf.Scalar =>
  tf.tidy(() => {
    if (gradients.length === 0) return tf.scalar(0)
    const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)))
    return tf.sqrt(squares.length === 1 ? squares[0]! : tf.sum(tf.stack(squares))) as tf.Scalar
  })

/**
 * The factor that brings gradients of norm `norm` down to at most `maxNorm`: min(1, maxNorm / (norm + 1e-6)), as
 * `torch.nn.utils.clip_grad_norm_` and fairseq compute it (the small constant keeps it defined at norm 0).
 */
export const clipFactor = (norm: tf.Scalar, maxNorm: number): tf.Scalar =>
  tf.tidy(() => tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6))) as tf.Scalar)
