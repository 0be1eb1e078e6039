import * as tf from '@tensorflow/tfjs-core'

/** One attention's projected keys and values: [rows, heads, length, headDim]. */
export interface AttentionCache {
  readonly key: tf.Tensor4D
  readonly value: tf.Tensor4D
}

/**
 * What a decoder keeps of the tokens so far: of fixed length, so that one program serves every step. Axis 0 of every tensor is the
 * row (utterance times beam), which a beam search gathers.
 */
export interface DecoderCache {
  readonly layers: readonly AttentionCache[]
}

/** What a decoder's cross-attention needs of the encoder's output, made once. Axis 0 is the row too; all beams of an utterance share it. */
export interface DecoderMemory {
  readonly layers: readonly AttentionCache[]
  /** [rows, 1, 1, frames], of padded frames. */
  readonly attentionBias?: tf.Tensor
}

/** Zeros for `length` positions. */
export const emptyAttentionCache = (rows: number, heads: number, length: number, width: number): AttentionCache => ({
  key: tf.zeros([rows, heads, length, width]),
  value: tf.zeros([rows, heads, length, width]),
})

/** The cache with one position's key and value [rows, heads, 1, headDim] written at `position`, an int32 scalar on the engine. */
export const writeAttentionCache = (
  cache: AttentionCache,
  entry: AttentionCache,
  position: tf.Tensor,
): AttentionCache => {
  const length = cache.key.shape[2]
  const here = tf.reshape(tf.equal(tf.range(0, length, 1, 'int32'), position), [1, 1, length, 1])
  const write = (old: tf.Tensor4D, added: tf.Tensor4D) =>
    tf.where(tf.broadcastTo(here, old.shape), tf.broadcastTo(added, old.shape), old) as tf.Tensor4D
  return { key: write(cache.key, entry.key), value: write(cache.value, entry.value) }
}
