import { DataError } from '../errors'
import type { FeatureFrames } from './feature-frames'

/** Features of several recordings as one batch. */
export interface FeatureBatch {
  /** `[batch, frames, dim]` */
  readonly data: Float32Array
  /** `[batch, frames]`: 1 at frames, 0 at padding. */
  readonly mask: Int32Array
  readonly shape: readonly [batch: number, frames: number, dim: number]
}

/**
 * Pads features of one `dim` to the longest of them.
 *
 * @param value Of the padding. Default 0, as SpeechT5's feature extractor pads its targets.
 * @throws DataError where the `dim`s differ.
 */
export function padFeatures(items: readonly FeatureFrames[], value = 0): FeatureBatch {
  const dim = items[0]?.dim ?? 0
  const frames = Math.max(0, ...items.map((item) => item.frames))
  const data = new Float32Array(items.length * frames * dim).fill(value)
  const mask = new Int32Array(items.length * frames)
  items.forEach((item, index) => {
    if (item.dim !== dim) {
      throw new DataError(`item ${index} has frames of ${item.dim} numbers, the first has ${dim}.`, {
        field: 'dim',
        cure: 'Make the batch with one front end.',
      })
    }
    data.set(item.data, index * frames * dim)
    mask.fill(1, index * frames, index * frames + item.frames)
  })
  return { data, mask, shape: [items.length, frames, dim] }
}
