import * as tf from '@tensorflow/tfjs-core'
import type { Codebook } from '../cluster/index'
import { nearestOf, type PlacedCentroids, place } from '../cluster/nearest-centroids'
import { type CompiledFunction, compile } from '../engine/index'
import { DataError } from '../errors'
import type { FeatureFrames } from '../features/index'
import { type ExtractFeaturesOptions, mapWaveforms, type Waveforms } from './feature-source'
import type { FeatureSource } from './model-plugin'

/** Turns waveforms into discrete units: for each frame of features the number of the nearest centroid. */
export interface UnitSource extends Omit<FeatureSource, 'extract' | 'units' | 'dim'> {
  /** Units are 0 to `clusters` - 1. */
  readonly clusters: number
  /** @param waveforms mono, at `sampleRate`. */
  label(waveforms: readonly Float32Array[]): Promise<Int32Array[]>
  dispose(): void
}

/**
 * Features and a codebook as a source of units. They are the labels that `dumpFeatures` and `dumpLabels` give, without the features between
 * them on the disk; for a model's layer, waveforms go in and units come out of one compiled program.
 *
 * @param features Freed along with the result, and when this fails.
 * @throws DataError when the codebook was made of features of another size.
 */
export const unitSource = (features: FeatureSource, codebook: Codebook): UnitSource => {
  if (features.dim !== codebook.dim) {
    features.dispose()
    throw new DataError(
      `frames of ${features.name} have ${features.dim} numbers, the codebook's centroids ${codebook.dim}.`,
      {
        field: 'dim',
        cure: 'Use the codebook that was learnt from this layer of this model.',
      },
    )
  }
  const { name, sampleRate, hopSamples, minSamples, batchSize } = features
  const own = features.units?.(codebook) ?? hostUnits(features, codebook)
  return {
    name: `${name}, ${codebook.clusters} clusters`,
    clusters: codebook.clusters,
    sampleRate,
    hopSamples,
    minSamples,
    batchSize,
    label: (waveforms) => own.label(waveforms),
    dispose: () => {
      own.dispose()
      features.dispose()
    },
  }
}

/** Units of features that come from the host. */
const hostUnits = (features: FeatureSource, codebook: Codebook): Pick<UnitSource, 'label' | 'dispose'> => {
  const search = new UnitSearch(codebook)
  const label = async (waveforms: readonly Float32Array[]): Promise<Int32Array[]> => {
    const labels: Int32Array[] = []
    for (const frames of await features.extract(waveforms)) labels.push(await search.label(frames, features.name))
    return labels
  }
  return { label, dispose: () => search.dispose() }
}

/** The nearest centroids of frames in memory, with programs for a few numbers of frames. */
class UnitSearch {
  readonly #placed: PlacedCentroids
  readonly #program: CompiledFunction<[tf.Tensor2D, PlacedCentroids], ReturnType<typeof nearestOf>>

  constructor({ centroids, dim }: Codebook) {
    this.#placed = place(Float64Array.from(centroids), dim)[1]
    this.#program = compile(nearestOf, { name: 'units' })
  }

  async label({ data, frames, dim }: FeatureFrames, name: string): Promise<Int32Array> {
    if (frames === 0) return new Int32Array(0)
    const rows = Math.max(256, 2 ** Math.ceil(Math.log2(frames)))
    const padded = new Float32Array(rows * dim)
    padded.set(data)
    const x = tf.tensor2d(padded, [rows, dim])
    const found = this.#program(x, this.#placed)
    x.dispose()
    return unitsOf(found, [[0, frames]], name).then(([labels]) => labels!)
  }

  dispose(): void {
    this.#program.dispose()
    tf.dispose([this.#placed.offsets, this.#placed.bias, this.#placed.center])
  }
}

/**
 * Brings units to the host, and frees their tensors.
 *
 * @param parts First frame of each recording, and the one after its last.
 * @throws DataError for frames that are not finite.
 */
export const unitsOf = async (
  found: ReturnType<typeof nearestOf>,
  parts: readonly (readonly [number, number])[],
  name: string,
): Promise<Int32Array[]> => {
  const [labels, lowest] = await Promise.all([found.labels.data(), found.lowest.data()])
  tf.dispose([found.labels, found.lowest])
  return parts.map(([start, end]) => {
    if (!lowest.subarray(start, end).every(Number.isFinite)) {
      throw new DataError(`frames of ${name} are not finite.`, {
        field: 'features',
        cure: 'A model that gives NaN has not been trained well: take an earlier checkpoint.',
      })
    }
    return (labels as Int32Array).slice(start, end)
  })
}

export interface UtteranceUnits {
  /** Of the recording, from 0. */
  readonly index: number
  /** A unit for each frame; none for a recording that is shorter than a frame. */
  readonly units: Int32Array
}

/** The units of recordings, in their order; `batchSize` recordings are in memory at a time, and as many that are read meanwhile. */
export async function* extractUnits(
  source: UnitSource,
  data: Waveforms,
  options: ExtractFeaturesOptions = {},
): AsyncGenerator<UtteranceUnits> {
  let index = 0
  const none = new Int32Array(0)
  for await (const units of mapWaveforms(source, data, (part) => source.label(part), none, options)) {
    yield { index: index++, units }
  }
}

/** Units without repetitions. */
export interface UnitRuns {
  readonly units: Int32Array
  /** How often each stood there, in frames. */
  readonly durations: Int32Array
}

/** Units of which no two neighbours are equal, as speech-to-unit models predict them, and how long each lasts. */
export const collapseUnits = (units: ArrayLike<number>): UnitRuns => {
  const kept = new Int32Array(units.length)
  const durations = new Int32Array(units.length)
  let runs = 0
  for (let frame = 0; frame < units.length; frame++) {
    if (frame === 0 || units[frame] !== units[frame - 1]) kept[runs++] = units[frame]!
    durations[runs - 1]!++
  }
  return { units: kept.slice(0, runs), durations: durations.slice(0, runs) }
}
