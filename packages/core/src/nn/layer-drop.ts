import * as tf from '@tensorflow/tfjs-core'
import { rngOf } from './dropout'
import type { ForwardContext } from './module'

/**
 * LayerDrop (Fan et al. 2020): in training, a layer's output with probability 1 - p, else its input; one draw for the whole batch.
 *
 * The device decides and the layer runs in any case, so that one program serves every step. Branching instead (`cond`) would save the share
 * p of the layers, but a branch's gradient runs its forward pass again, a third more work for each layer that stays.
 */
export const layerDrop = <T extends tf.Tensor>(output: T, input: T, p: number, context: ForwardContext): T => {
  if (!context.training || p === 0) return output
  const keep = tf.greaterEqual(rngOf(context, 'LayerDrop').uniform([]), p)
  return tf.where(tf.broadcastTo(keep, output.shape), output, input) as T
}
