import * as tf from '@tensorflow/tfjs-core'
import {
  type AttentionInputs,
  type AttentionOutput,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from './attention'
import type { Initializer } from './initializer'
import { Linear } from './linear'
import type { ForwardContext } from './module'
import { RelativePositionBias, type RelativePositionBuckets } from './relative-positions'

export interface GatedRelativeAttentionOptions extends MultiHeadAttentionOptions {
  /** Makes the table of biases; the first layer's serves all. Default: none. */
  readonly buckets?: RelativePositionBuckets
}

/** Self-attention whose bias by relative position is weighed by a gate of each query (WavLM, Chen et al. 2022, section III-A). */
export class GatedRelativeAttention extends MultiHeadAttention {
  /** [1, heads, 1, 1] */
  readonly gruRelPosConst: tf.Variable
  /** headDim -> 8: two gates, each the sum of four numbers */
  readonly gruRelPosLinear: Linear
  readonly relAttnEmbed?: RelativePositionBias

  constructor(embedDim: number, heads: number, init: Initializer, options: GatedRelativeAttentionOptions = {}) {
    super(embedDim, heads, init, options)
    this.gruRelPosConst = init.constant([1, heads, 1, 1], 1)
    this.gruRelPosLinear = new Linear(embedDim / heads, 8, init)
    if (options.buckets) this.relAttnEmbed = new RelativePositionBias(heads, options.buckets, init)
  }

  override attend(x: tf.Tensor3D, context: ForwardContext, inputs: AttentionInputs = {}): AttentionOutput {
    const { positionBias } = inputs
    if (!positionBias) return super.attend(x, context, inputs)
    return super.attend(x, context, { ...inputs, positionBias: tf.mul(this.#gate(x), positionBias) as tf.Tensor4D })
  }

  /** a (b c - 1) + 2 with the gates a and b: [batch, heads, time, 1] */
  #gate(x: tf.Tensor3D): tf.Tensor4D {
    const [batch, time] = x.shape
    const numbers = tf.reshape(this.gruRelPosLinear.forward(this.split(x)), [batch, this.heads, time, 2, 4])
    const gates = tf.sigmoid(tf.sum(numbers, -1))
    const [a, b] = tf.split(gates, 2, -1) as [tf.Tensor, tf.Tensor]
    return tf.add(tf.mul(a, tf.sub(tf.mul(b, this.gruRelPosConst), 1)), 2) as tf.Tensor4D
  }
}
