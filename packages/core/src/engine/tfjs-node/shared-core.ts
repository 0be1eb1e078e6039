import util from 'node:util'
import * as tf from '@tensorflow/tfjs-core'

/** Name of the global symbol under which tfjs-node's modules find the TensorFlow.js of this process. */
export const FACADE_SYMBOL = '@babble/core:tfjs'

/**
 * Prepares this process for the kernels of tfjs-node in the cache, which were written for the union package
 * `@tensorflow/tfjs`: they are given our copy of tfjs-core, so that their tensors are ours.
 */
export const shareTfjsCore = (): void => {
  const shared = globalThis as unknown as Record<symbol, unknown>
  shared[Symbol.for(FACADE_SYMBOL)] = tf
  // The chained methods that its kernels call; tfjs-core alone comes without.
  const methods: Record<string, (this: tf.Tensor, other: tf.Tensor | number) => tf.Tensor> = {
    toFloat() {
      return tf.cast(this, 'float32')
    },
    toInt() {
      return tf.cast(this, 'int32')
    },
    add(other) {
      return tf.add(this, other)
    },
    sub(other) {
      return tf.sub(this, other)
    },
    mul(other) {
      return tf.mul(this, other)
    },
  }
  const prototype = tf.Tensor.prototype as unknown as Record<string, unknown>
  for (const [name, method] of Object.entries(methods)) prototype[name] ??= method
}

/** Node 23 removed two functions that tfjs-node's JavaScript calls. An addon of ours puts them back itself; others do not. */
export const repairUtil = (): void => {
  const functions = util as unknown as Record<string, unknown>
  functions.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  functions.isArray ??= Array.isArray
}
