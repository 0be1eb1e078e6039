import { readAudio } from '../audio/index'
import { DataError } from '../errors'
import type { Clip } from './clip'

/** A recording in memory. `samples` is the waveform's length. */
export interface Recording extends Clip {
  /** Mono, about [-1, 1], at the rate that was asked for. */
  readonly waveform: Float32Array
  readonly samples: number
}

/** A clip that was left out, and why. */
export interface SkippedClip {
  readonly path: string
  readonly reason: string
}

export interface LoadRecordingsOptions {
  /** Hz; other recordings are resampled. Default 16000. */
  readonly sampleRate?: number
  /** Shorter recordings are left out. Default 1. */
  readonly minSamples?: number
  /** Longer recordings are left out. Default: no limit. */
  readonly maxSamples?: number
  /** Called as clips are done with. */
  readonly onProgress?: (done: number, total: number) => void
  /** Files read at a time. Default 8. */
  readonly concurrency?: number
}

/**
 * Loads recordings, in the clips' order. A file that cannot be read, or whose length is out of range, is left out and
 * listed with its reason.
 *
 * @throws DataError when none can be used.
 */
export const loadRecordings = async (
  list: Iterable<Clip>,
  options: LoadRecordingsOptions = {},
): Promise<{ recordings: Recording[]; skipped: SkippedClip[] }> => {
  const {
    sampleRate = 16000,
    minSamples = 1,
    maxSamples = Number.POSITIVE_INFINITY,
    onProgress,
    concurrency = 8,
  } = options
  const clips = [...list]
  const results: (Recording | SkippedClip)[] = new Array(clips.length)
  const load = async (clip: Clip): Promise<Recording | SkippedClip> => {
    try {
      const { samples: waveform } = await readAudio(clip.path, { sampleRate })
      const length = waveform.length
      const skip = (limit: string) => ({ path: clip.path, reason: `${length} samples, ${limit}` })
      if (length < minSamples) return skip(`fewer than ${minSamples}`)
      if (length > maxSamples) return skip(`more than ${maxSamples}`)
      return { ...clip, waveform, samples: length }
    } catch (error) {
      return { path: clip.path, reason: error instanceof Error ? error.message : String(error) }
    }
  }
  let next = 0
  let done = 0
  const worker = async () => {
    while (next < clips.length) {
      const index = next++
      results[index] = await load(clips[index]!)
      onProgress?.(++done, clips.length)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, concurrency) }, worker))
  const recordings = results.filter((result): result is Recording => 'waveform' in result)
  const skipped = results.filter((result): result is SkippedClip => 'reason' in result)
  if (recordings.length === 0) {
    const first = skipped[0]
    throw new DataError(
      first
        ? `none of ${clips.length} recordings can be used; ${first.path}: ${first.reason}`
        : 'there is no recording to load.',
      { cure: 'Check the paths, and the limits on length.' },
    )
  }
  return { recordings, skipped }
}
