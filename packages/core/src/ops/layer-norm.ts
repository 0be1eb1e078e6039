import * as tf from '@tensorflow/tfjs-core'
import { normalise } from './normalise'

/**
 * Layer normalisation over the last axis (Ba et al. 2016).
 *
 * @param x [..., channels]
 * @param weight [channels]
 * @param bias [channels]
 */
export const layerNorm = <T extends tf.Tensor>(x: T, weight: tf.Tensor, bias: tf.Tensor, eps: number): T =>
  tf.add(tf.mul(normalise(x, eps, { axes: [x.rank - 1] }), weight), bias) as T
