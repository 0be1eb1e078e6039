import { mkdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { writeFileAtomic } from '../checkpoint/index'
import { featureDumpName, writeFeatureDump } from '../cluster/index'
import type { Manifest } from '../data/index'
import { ConfigError } from '../errors'
import type { FeatureFrames } from '../features/index'
import { extractFeatures } from './feature-source'
import type { FeatureSource } from './model-plugin'
import { type Listener, openWholeDataset } from './open-dataset'

/** What is said of a dump beside it, in `NAME.json`. */
export interface DumpDescription {
  readonly source: string
  readonly manifest: string
  readonly utterances: number
  readonly frames: number
  readonly dim: number
  /** Frames a second. */
  readonly frameRate: number
  /** The `.npy` file. */
  readonly file: string
}

export interface DumpFeaturesOptions {
  /** Folder of the dump. */
  readonly output: string
  /** Name of the dump. Default: the manifest's. */
  readonly split?: string
  /** Which part of how many: parts can be made at the same time, each by a process of its own. Default: all. */
  readonly part?: { readonly rank: number; readonly parts: number }
  readonly signal?: AbortSignal
}

/**
 * Writes the features of a manifest's recordings, one utterance after the other in the manifest's order, as a dump that k-means reads
 * (`SPLIT_0_1.npy` and `.len`, fairseq's names). A recording that is too short for a frame has none.
 *
 * @throws DataError when a recording cannot be read: labels made from the dump would not fit the manifest.
 */
export const dumpFeatures = async (
  source: FeatureSource,
  manifest: Manifest,
  { output, split, part = { rank: 0, parts: 1 }, signal }: DumpFeaturesOptions,
  listener: Listener,
): Promise<DumpDescription> => {
  const { rank, parts } = part
  if (!(Number.isInteger(rank) && Number.isInteger(parts) && rank >= 0 && rank < parts)) {
    throw new ConfigError(`part ${rank} of ${parts} is none.`, {
      field: 'part',
      cure: 'Parts count from 0: 0/4 to 3/4.',
    })
  }
  const bound = (place: number) => Math.floor((place * manifest.length) / parts)
  const rows = parts === 1 ? manifest : manifest.select((row) => row >= bound(rank) && row < bound(rank + 1))
  const data = await openWholeDataset(rows, { sampleRate: source.sampleRate, part: 'of the' }, listener)
  try {
    const name = featureDumpName(split ?? basename(manifest.file, extname(manifest.file)), rank, parts)
    const file = join(output, `${name}.npy`)
    await mkdir(dirname(file), { recursive: true })
    const onProgress = (done: number, total: number) => listener.progress('Recordings', done, total)
    const features = async function* (): AsyncGenerator<FeatureFrames> {
      for await (const { features } of extractFeatures(source, data, { onProgress, ...(signal ? { signal } : {}) })) {
        yield features
      }
    }
    const { utterances, frames, dim } = await writeFeatureDump(file, features())
    const description: DumpDescription = {
      source: source.name,
      manifest: manifest.file,
      utterances,
      frames,
      dim,
      frameRate: source.sampleRate / source.hopSamples,
      file,
    }
    await writeFileAtomic(join(output, `${name}.json`), `${JSON.stringify(description, null, 2)}\n`)
    return description
  } finally {
    await data.close?.()
  }
}
