import {
  loadRecordings,
  type Manifest,
  manifestDataset,
  recordingsDataset,
  type SpeechDataset,
  selectClips,
} from '../data/index'
import { DataError } from '../errors'

export interface OpenDatasetOptions {
  /** Hz that recordings are brought to; the manifest's lengths are at this rate. */
  readonly sampleRate: number
  /** Shorter recordings are left out. Default 1. */
  readonly minSamples?: number
  /** Longer recordings are left out. Default: no limit. */
  readonly maxSamples?: number
  /** What the recordings are for, in notes: `training`. */
  readonly part: string
}

/** Where words for people go. */
export interface Listener {
  note(text: string): void
  progress(activity: string, done: number, total: number): void
}

/**
 * A manifest's recordings as a dataset, without those of a length that cannot be used. Where the manifest does not say how long they
 * are, they are read into memory, and those that cannot be read are left out.
 */
export const openDataset = async (
  manifest: Manifest,
  { sampleRate, minSamples = 1, maxSamples = Number.POSITIVE_INFINITY, part }: OpenDatasetOptions,
  listener: Listener,
): Promise<SpeechDataset> => {
  if (!manifest.columns.includes('samples')) {
    const { recordings, skipped } = await loadRecordings([...manifest], {
      sampleRate,
      minSamples,
      maxSamples,
      onProgress: (done, total) => listener.progress(`Reading ${part} recordings`, done, total),
    })
    for (const { path, reason } of skipped.slice(0, 3)) listener.note(`Left out ${path}: ${reason}`)
    if (skipped.length > 3) listener.note(`Left out ${skipped.length - 3} more ${part} recordings.`)
    return recordingsDataset(recordings, sampleRate, manifest.file)
  }
  const all = manifestDataset(manifest, { sampleRate })
  const kept = selectClips(all, (index) => all.samples(index) >= minSamples && all.samples(index) <= maxSamples)
  const left = all.length - kept.length
  if (left > 0) listener.note(`Left out ${left} of ${all.length} ${part} recordings for their length.`)
  return kept
}

/**
 * All recordings of a manifest, in its order: what goes line by line with another file, such as labels.
 *
 * @throws DataError when a recording cannot be used.
 */
export const openWholeDataset = async (
  manifest: Manifest,
  options: Pick<OpenDatasetOptions, 'sampleRate' | 'part'>,
  listener: Listener,
): Promise<SpeechDataset> => {
  const data = await openDataset(manifest, options, listener)
  if (data.length === manifest.length) return data
  await data.close?.()
  throw new DataError(`${manifest.length - data.length} of ${manifest.length} recordings cannot be used.`, {
    file: manifest.file,
    cure: 'Prepare the corpus again, which leaves them out of the manifest.',
  })
}
