import * as tf from '@tensorflow/tfjs-core'

/** The squared 2-norm of each gradient, as a vector on the engine. */
export const squaredNorms = (gradients: readonly tf.Tensor[]): tf.Tensor1D =>
  tf.tidy(() => {
    if (gradients.length === 0) return tf.zeros([0])
    return tf.stack(gradients.map((gradient) => tf.sum(tf.square(gradient)))) as tf.Tensor1D
  })

/**
 * The 2-norm over all gradients taken together, as a scalar on the engine; not finite when any value is not.
 */
export const globalNorm = (gradients: readonly tf.Tensor[]): tf.Scalar => tf.tidy(() => normOf(squaredNorms(gradients)))

/** The norm over all gradients from their squared norms. */
export const normOf = (squares: tf.Tensor1D): tf.Scalar =>
  // Not every engine knows that a sum of nothing is 0.
  squares.size === 0 ? tf.scalar(0) : (tf.sqrt(tf.sum(squares)) as tf.Scalar)

/**
 * The factor that brings gradients of norm `norm` down to at most `maxNorm`: min(1, maxNorm / (norm + 1e-6)), as
 * `torch.nn.utils.clip_grad_norm_` and fairseq compute it (the small constant keeps it defined at norm 0).
 */
export const clipFactor = (norm: tf.Scalar, maxNorm: number): tf.Scalar =>
  tf.tidy(() => tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6))) as tf.Scalar)
