import { DataError } from '../errors'
import type { Clip } from './clip'
import { DecodePool } from './decode-pool'
import type { Manifest } from './manifest'
import { normalizeWaveform } from './normalize'
import type { Recording } from './recordings'

export interface LoadOptions {
  /** Bring the whole recording to zero mean and unit variance, before it is cropped. Default false. */
  readonly normalize?: boolean
  /** Sample to begin with. Default 0. */
  readonly start?: number
  /** Samples wanted. Default: all from `start` on. */
  readonly length?: number
  /** Gives the recording up. */
  readonly signal?: AbortSignal
}

/**
 * Recordings by number, whose lengths are known without reading them: what batches are made from. Implementations keep recordings on
 * disk, in shards, in memory, or anywhere else.
 */
export interface SpeechDataset {
  /** Named in errors. */
  readonly name: string
  /** Recordings. */
  readonly length: number
  /** Hz of the waveforms. */
  readonly sampleRate: number
  /** Length of a recording in samples at `sampleRate`, known without reading it. */
  samples(index: number): number
  /** What is known of a recording: its path names it in errors, `text` is its transcript. */
  clip(index: number): Clip
  /**
   * The waveform, mono, about [-1, 1], of `samples(index)` samples or the part that is asked for. The caller does not change it.
   *
   * @throws AudioError or DataError naming the file.
   */
  load(index: number, options?: LoadOptions): Promise<Float32Array> | Float32Array
  /** Batches to be made ahead, where it pays: see `BatchSource`. */
  readonly readAhead?: number
  /** Lets go of threads and files; they are taken up again when the dataset is used again. */
  close?(): Promise<void>
}

export interface ManifestDatasetOptions {
  /** Hz; other recordings are resampled. The manifest's lengths are at this rate. Default 16000. */
  readonly sampleRate?: number
  /** Threads to decode with, shared with other datasets. Default: the dataset's own, which `close` ends. */
  readonly pool?: DecodePool
}

/**
 * The recordings of a manifest, read from their files (or shards) each time they are asked for, by threads.
 *
 * @throws DataError with the first entry whose length the manifest does not say: batches are planned by it.
 */
export const manifestDataset = (manifest: Manifest, options: ManifestDatasetOptions = {}): SpeechDataset => {
  const { sampleRate = 16000 } = options
  const pool = options.pool ?? new DecodePool()
  const lengths = new Uint32Array(manifest.length)
  for (let index = 0; index < lengths.length; index++) {
    const samples = manifest.samples(index)
    if (samples === undefined || samples === 0) {
      throw new DataError(`the manifest does not say how long ${manifest.path(index)} is.`, {
        file: manifest.file,
        field: 'samples',
        cure: 'Make the manifest with prepareCorpus, which reads it from the files.',
      })
    }
    lengths[index] = samples
  }
  return {
    name: manifest.file,
    length: manifest.length,
    sampleRate,
    samples: (index) => lengths[index]!,
    clip: (index) => manifest.clip(index),
    load: (index, { signal, normalize, start, length } = {}) => {
      const { path, offset, bytes, samples } = manifest.clip(index)
      return pool.decode(
        {
          file: path,
          sampleRate,
          ...(offset === undefined ? {} : { offset }),
          ...(bytes === undefined ? {} : { bytes }),
          ...(samples === undefined ? {} : { samples }),
          ...(normalize ? { normalize } : {}),
          ...(start === undefined ? {} : { start }),
          ...(length === undefined ? {} : { length }),
        },
        signal,
      )
    },
    readAhead: 4,
    ...(options.pool ? {} : { close: () => pool.close() }),
  }
}

/**
 * Recordings in memory, for corpora of minutes.
 *
 * @param sampleRate Hz that they were loaded at. Default 16000.
 */
export const recordingsDataset = (
  recordings: readonly Recording[],
  sampleRate = 16000,
  name = 'recordings in memory',
): SpeechDataset => ({
  name,
  length: recordings.length,
  sampleRate,
  samples: (index) => recordings[index]!.waveform.length,
  clip: (index) => recordings[index]!,
  load: (index, { normalize = false, start = 0, length } = {}) => {
    const { waveform, path } = recordings[index]!
    const samples = normalize ? normalizeWaveform(waveform, path) : waveform
    return start === 0 && length === undefined ? samples : samples.subarray(start, length && start + length)
  },
})

/** The dataset itself, or recordings in memory as one. */
export const toDataset = (data: SpeechDataset | readonly Recording[], sampleRate?: number): SpeechDataset =>
  'load' in data ? data : recordingsDataset(data, sampleRate)

/** The recordings of a dataset that a condition holds for, as a dataset; for leaving out short ones, or taking a part. */
export const selectClips = (dataset: SpeechDataset, condition: (index: number) => boolean): SpeechDataset => {
  const kept = new Uint32Array(dataset.length)
  let count = 0
  for (let index = 0; index < dataset.length; index++) if (condition(index)) kept[count++] = index
  const indices = kept.slice(0, count)
  const { close, readAhead } = dataset
  return {
    name: dataset.name,
    length: count,
    sampleRate: dataset.sampleRate,
    samples: (index) => dataset.samples(indices[index]!),
    clip: (index) => dataset.clip(indices[index]!),
    load: (index, options) => dataset.load(indices[index]!, options),
    ...(readAhead === undefined ? {} : { readAhead }),
    ...(close ? { close: () => close.call(dataset) } : {}),
  }
}

/** A recording of a batch. */
export interface RowRequest extends LoadOptions {
  readonly index: number
}

/**
 * Loads a batch's recordings, all at once, and makes the batch of them: at once where they are in memory, else when the last is there.
 */
export const loadRows = <T>(
  dataset: SpeechDataset,
  requests: readonly RowRequest[],
  use: (waveforms: readonly Float32Array[]) => T,
): T | Promise<T> => {
  const waveforms = requests.map(({ index, ...options }) => dataset.load(index, options))
  const isHere = (waveform: Float32Array | Promise<Float32Array>): waveform is Float32Array => 'length' in waveform
  return waveforms.every(isHere) ? use(waveforms) : Promise.all(waveforms).then(use)
}
