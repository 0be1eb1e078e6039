import { DataError } from '../errors'

/** Some frames on their way to the engine. */
export interface FrameChunk {
  /** `[frames, dim]`, row by row; valid until the next chunk is asked for. */
  readonly data: Float32Array
  readonly frames: number
  /** Number of the first frame within the source. */
  readonly start: number
}

/** Frames of features that may be more than memory holds, in a fixed order. */
export interface FrameSource {
  /** Numbers of a frame. */
  readonly dim: number
  readonly frames: number
  /** All frames in order, `frames` at a time; only the last chunk may be shorter. */
  chunks(frames: number): AsyncIterable<FrameChunk>
  /**
   * Copies `runs` of frames, one after the other, into `into`.
   *
   * @param runs Pairs of first frame and number of frames, within the source.
   */
  gather(runs: readonly (readonly [start: number, frames: number])[], into: Float32Array): Promise<void>
  /** Where a frame is from: for errors. */
  place(frame: number): { readonly file?: string; readonly frame: number }
}

/**
 * Frames that are in memory.
 *
 * @param data `[frames, dim]`, row by row
 * @throws DataError when the data are no whole number of frames.
 */
export const arrayFrames = (data: Float32Array, dim: number): FrameSource => {
  if (!(Number.isInteger(dim) && dim > 0 && data.length % dim === 0)) {
    throw new DataError(`${data.length} numbers are no whole number of frames of ${dim}.`, { field: 'dim' })
  }
  const frames = data.length / dim
  return {
    dim,
    frames,
    async *chunks(size) {
      for (let start = 0; start < frames; start += size) {
        const count = Math.min(size, frames - start)
        yield { data: data.subarray(start * dim, (start + count) * dim), frames: count, start }
      }
    },
    async gather(runs, into) {
      let at = 0
      for (const [start, count] of runs) {
        into.set(data.subarray(start * dim, (start + count) * dim), at)
        at += count * dim
      }
    },
    place: (frame) => ({ frame }),
  }
}

/** The error for a frame that k-means cannot work with. */
export const notFinite = (source: FrameSource, frame: number): DataError => {
  const { file, frame: within } = source.place(frame)
  return new DataError(`frame ${within} holds NaN, infinity, or numbers whose square is none of float32.`, {
    ...(file !== undefined && { file }),
    field: 'features',
    cure: 'Make the features again; a model that gives NaN is often fed silence or samples out of range.',
  })
}
