import * as tf from '@tensorflow/tfjs-core'
import { Embedding } from './embedding'
import type { Initializer } from './initializer'
import { Module } from './module'

/**
 * Takes values by relative position to values by position: y[..., q, k] = x[..., q, k - q + time - 1].
 *
 * No gather: with rows of 2 time - 1 padded to 2 time, the wanted entry of each row lies one further left than that of the row
 * before, so reading the same numbers in rows of 2 time - 1 puts them in columns (Huang et al. 2019, section 3.4, "skewing").
 *
 * @param x [batch, heads, time, 2 time - 1]; batch may be 1
 * @returns [batch, heads, time, time]
 */
export const byRelativePosition = (x: tf.Tensor): tf.Tensor4D => {
  const [batch, heads, time, offsets] = x.shape as [number, number, number, number]
  if (offsets !== 2 * time - 1)
    throw new RangeError(`relative positions: [${x.shape}] does not have 2 x ${time} - 1 offsets.`)
  const padded = tf.pad(x, [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 1],
  ])
  const flat = tf.reshape(padded, [batch, heads, time * 2 * time])
  const shifted = tf.slice(flat, [0, 0, time - 1], [batch, heads, time * offsets])
  const rows = tf.reshape(shifted, [batch, heads, time, offsets]) as tf.Tensor4D
  return tf.slice(rows, [0, 0, 0, 0], [batch, heads, time, time])
}

/** A number for each relative position key - query, from -(time - 1) to time - 1, as an int32 tensor. */
const forEachOffset = (time: number, value: (offset: number) => number): tf.Tensor1D =>
  tf.tensor1d(
    Array.from({ length: 2 * time - 1 }, (_, i) => value(i - time + 1)),
    'int32',
  )

export interface RelativePositionBuckets {
  /** Half of them for keys before the query, half for those after. */
  readonly buckets: number
  /** Distance in frames from which on all share the last bucket. */
  readonly maxDistance: number
}

/**
 * The bucket of a relative position (Raffel et al. 2020, section 2.1, bidirectional): small distances one each, larger ones by
 * logarithm. In float32 steps as the reference works it out, since buckets change at its roundings.
 */
export const relativePositionBucket = (offset: number, { buckets, maxDistance }: RelativePositionBuckets): number => {
  const half = Math.floor(buckets / 2)
  const exact = Math.floor(half / 2)
  const distance = Math.abs(offset)
  const after = offset > 0 ? half : 0
  if (distance < exact) return after + distance
  const logarithm = Math.fround(Math.log(Math.fround(distance / exact)))
  const share = Math.fround(logarithm / Math.fround(Math.log(maxDistance / exact)))
  return after + Math.min(half - 1, Math.floor(Math.fround(exact + Math.fround(share * (half - exact)))))
}

/** A trained bias for each head and bucket of relative positions (Raffel et al. 2020, section 2.1). */
export class RelativePositionBias extends Module {
  /** [buckets, heads] */
  readonly weight: tf.Variable
  readonly #buckets: RelativePositionBuckets

  constructor(heads: number, buckets: RelativePositionBuckets, init: Initializer, std = 0.02) {
    super()
    this.weight = init.normal([buckets.buckets, heads], std)
    this.#buckets = buckets
  }

  /** [1, heads, time, time] */
  forward(time: number): tf.Tensor4D {
    const heads = this.weight.shape[1]!
    const at = forEachOffset(time, (offset) => relativePositionBucket(offset, this.#buckets))
    const rows = tf.reshape(tf.transpose(tf.gather(this.weight, at)), [1, heads, 1, 2 * time - 1])
    return byRelativePosition(tf.broadcastTo(rows, [1, heads, time, 2 * time - 1]))
  }
}

/**
 * Trained keys for relative positions (Shaw et al. 2018; SpeechT5, Ao et al. 2022, section 2.2), shared by heads and layers. The row for
 * query i and key j is i - j, kept within [-maxDistance, maxDistance - 1].
 */
export class RelativePositionKeys extends Module {
  /** [2 maxDistance, headDim] */
  readonly peK: Embedding

  constructor(
    headDim: number,
    private readonly maxDistance: number,
    init: Initializer,
  ) {
    super()
    this.peK = new Embedding(2 * maxDistance, headDim, init, { std: 1 })
  }

  /** What attention takes as `relativeKeys`: [2 time - 1, headDim]. */
  forward(time: number): tf.Tensor2D {
    const { maxDistance } = this
    const row = (offset: number) => Math.max(-maxDistance, Math.min(maxDistance - 1, -offset)) + maxDistance
    return this.peK.forward(forEachOffset(time, row)) as unknown as tf.Tensor2D
  }
}
