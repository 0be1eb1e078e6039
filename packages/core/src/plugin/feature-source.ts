import type { SpeechDataset } from '../data/index'
import { type FeatureFrames, type FrontEndConfig, makeFrontEnd } from '../features/index'
import { HostRng } from '../random/index'
import type { FeatureSource } from './model-plugin'

/** A front end as a source of features; dither is drawn from the seed and the number of the recording. */
export const frontEndSource = (config: FrontEndConfig, seed = 1): FeatureSource => {
  const frontEnd = makeFrontEnd(config)
  const { name, sampleRate, dim, hopSamples } = frontEnd
  let drawn = 0
  return {
    name,
    sampleRate,
    dim,
    hopSamples,
    minSamples: 1,
    batchSize: 1,
    extract: async (waveforms) =>
      waveforms.map((waveform) =>
        frontEnd.extract(waveform, { sampleRate, rng: new HostRng(seed, 'dither', drawn++) }),
      ),
    dispose: () => {},
  }
}

/** Recordings that are loaded when it is their turn: a `SpeechDataset`, or less. */
export type Waveforms = Pick<SpeechDataset, 'length' | 'load'>

export interface ExtractFeaturesOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * The features of a dataset's recordings, in its order, a batch in memory at a time. The next batch is read from the disk while one is
 * worked on.
 */
export async function* extractFeatures(
  source: FeatureSource,
  data: Waveforms,
  options: ExtractFeaturesOptions = {},
): AsyncGenerator<{ readonly index: number; readonly features: FeatureFrames }> {
  const none = { data: new Float32Array(0), frames: 0, dim: source.dim }
  let index = 0
  for await (const features of mapWaveforms(source, data, (part) => source.extract(part), none, options)) {
    yield { index: index++, features }
  }
}

/**
 * What `work` makes of each recording, in order, `batchSize` of them at a time.
 *
 * @param none Given for a recording that is shorter than `minSamples`.
 */
export async function* mapWaveforms<T>(
  source: Pick<FeatureSource, 'batchSize' | 'minSamples'>,
  data: Waveforms,
  work: (waveforms: readonly Float32Array[]) => Promise<readonly T[]>,
  none: T,
  { signal, onProgress }: ExtractFeaturesOptions,
): AsyncGenerator<T> {
  const load = (start: number) =>
    Promise.all(
      Array.from({ length: Math.min(source.batchSize, data.length - start) }, (_, item) => data.load(start + item)),
    )
  let ahead = data.length > 0 ? load(0) : undefined
  for (let start = 0; start < data.length; start += source.batchSize) {
    signal?.throwIfAborted()
    const waveforms = await ahead!
    const next = start + source.batchSize
    ahead = next < data.length ? load(next) : undefined
    // Whoever waits for it sees the failure; a user that stops early must not die of it.
    ahead?.catch(() => {})
    // Too short for a frame: there is nothing to extract, but its place in the order stays.
    const long = waveforms.filter(({ length }) => length >= source.minSamples)
    const found = long.length > 0 ? await work(long) : []
    let taken = 0
    for (const { length } of waveforms) yield length >= source.minSamples ? found[taken++]! : none
    onProgress?.(Math.min(next, data.length), data.length)
  }
}
