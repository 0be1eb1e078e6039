import { decodeAudio, readAudio, resample } from '../audio/index'
import { DataError } from '../errors'
import { normalizeWaveform } from './normalize'
import { readRange } from './read-range'

/** What is to be read, in plain values that a thread can be sent. */
export interface DecodeTask {
  readonly file: string
  /** Where the recording lies in the file, in bytes, when it is a shard. Default: the whole file. */
  readonly offset?: number
  readonly bytes?: number
  /** Hz of the result; other recordings are resampled. */
  readonly sampleRate: number
  /** What a manifest says of the length, in samples at `sampleRate`. The result is brought to it. */
  readonly samples?: number
  /** Bring the whole recording to zero mean and unit variance, before it is cropped. Default false. */
  readonly normalize?: boolean
  /** Sample of the recording that the result begins with. Default 0. */
  readonly start?: number
  /** Samples of the result. Default: all from `start` on. */
  readonly length?: number
}

/** Seconds that a recording may be longer or shorter than its manifest says: encoders pad, and some headers only estimate. */
const tolerance = 0.25

/**
 * Reads, decodes, resamples, normalises and crops one recording.
 *
 * @throws AudioError or DataError naming the file.
 */
export const decodeClip = async (task: DecodeTask): Promise<Float32Array> => {
  const { file, sampleRate, samples, normalize = false, start = 0, length } = task
  if (task.offset === undefined && !normalize && length !== undefined && length > 0) {
    // Only the part that is asked for has to be read. One that is not all there is looked at as a whole, below, which says why.
    const part = await readAudio(file, { sampleRate, start, frames: length }).catch(() => undefined)
    if (part?.samples.length === length) return part.samples
  }
  const name = task.offset === undefined ? file : `${file} (at byte ${task.offset})`
  const decoded = await decodeAudio(await readRange(task), name)
  let waveform = resample(decoded.samples, decoded.sampleRate, sampleRate)
  const difference = samples === undefined ? 0 : waveform.length - samples
  if (Math.abs(difference) > tolerance * sampleRate) {
    throw new DataError(`it has ${waveform.length} samples at ${sampleRate} Hz, but its manifest says ${samples}.`, {
      file: name,
      field: 'samples',
      cure: 'The file has changed, or the manifest is for another rate: prepare the corpus again.',
    })
  }
  if (difference > 0) waveform = waveform.subarray(0, samples)
  if (normalize) waveform = normalizeWaveform(waveform, name)
  if (difference < 0) {
    const filled = new Float32Array(samples!)
    filled.set(waveform)
    waveform = filled
  }
  const end = length === undefined ? waveform.length : start + length
  if (start < 0 || start > end || end > waveform.length) {
    throw new DataError(`samples ${start} to ${end} are asked for, but it has ${waveform.length}.`, { file: name })
  }
  // A copy of what is asked for alone: handing over a view would hand over, and keep, all of it.
  return end - start === waveform.buffer.byteLength / 4 ? waveform : waveform.slice(start, end)
}
