import * as tf from '@tensorflow/tfjs-core'
import type { Rng } from '../random/index'
import type { ForwardContext } from './module'

/** The context's generator, or an error that says what is missing. */
export const rngOf = (context: ForwardContext, what: string): Rng => {
  if (!context.rng)
    throw new Error(`${what} in training needs context.rng: pass { training: true, rng: Rng.fromSeed(…) }.`)
  return context.rng
}

/** In training, zeroes each element with probability `p` and scales the others by 1 / (1 - p) (Srivastava et al. 2014). */
export const dropout = <T extends tf.Tensor>(x: T, p: number, context: ForwardContext): T => {
  if (!context.training || p === 0) return x
  const kept = tf.greaterEqual(rngOf(context, 'dropout').uniform(x.shape), p)
  return tf.mul(x, tf.mul(tf.cast(kept, 'float32'), 1 / (1 - p))) as T
}
