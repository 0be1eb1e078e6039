import {
  BatchPlanner,
  type BatchPlannerOptions,
  type HostArray,
  intArray,
  type PaddingLimit,
  type Recording,
  type SpeechDataset,
  toDataset,
} from '../../data/index'
import { AudioError, ConfigError, DataError } from '../../errors'
import { receptiveField } from '../geometry'
import type { SpeechEncoderConfig } from '../speech-encoder-config'

/** How recordings are put into batches. */
export interface BatchingOptions {
  readonly config: SpeechEncoderConfig
  /** Utterances of a batch; either this or `maxSamples`. */
  readonly batchSize?: number
  /** Samples of a batch, padding included. */
  readonly maxSamples?: number
  /**
   * How many padded lengths there are, each of which compiles a program; or how much padding there may be; or those lengths in samples.
   * Default 1.
   */
  readonly buckets?: number | PaddingLimit | readonly number[]
  /** All of the batches' randomness follows from it, the epoch and the batch's index. */
  readonly seed: number
  /** Shuffle the utterances in each epoch. Default true. */
  readonly shuffle?: boolean
  /** What becomes of utterances that do not fill a batch. Default `fill`: others are drawn again. */
  readonly incomplete?: BatchPlannerOptions['incomplete']
  /** Utterances of each batch are a multiple of this: of micro-batches x devices x processes. Default `worldSize`. */
  readonly multipleOf?: number
  /** This process's number among `worldSize`, each of which makes its own utterances of each batch. Default 0 of 1. */
  readonly rank?: number
  readonly worldSize?: number
  /** Bring each utterance to zero mean and unit variance. Default true. */
  readonly normalize?: boolean
  /** Hz of the recordings, for the reported seconds of audio. Default: the dataset's, 16000 for recordings in memory. */
  readonly samplingRate?: number
}

/** What batches are made from: recordings in memory, or a dataset that reads them when they are needed. */
export type BatchingData = SpeechDataset | readonly Recording[]

/**
 * The data as a dataset.
 *
 * @throws AudioError naming the first recording that is too short, or in memory has samples that are not finite; ConfigError for a dataset
 * at another rate.
 */
export const checkedDataset = (
  data: BatchingData,
  config: SpeechEncoderConfig,
  samplingRate?: number,
): SpeechDataset => {
  const dataset = toDataset(data, samplingRate)
  if (samplingRate !== undefined && dataset.sampleRate !== samplingRate) {
    throw new ConfigError(`the dataset is at ${dataset.sampleRate} Hz, but the model hears ${samplingRate} Hz.`, {
      field: 'samplingRate',
      cure: `Make the dataset with sampleRate: ${samplingRate}.`,
    })
  }
  const least = receptiveField(config)
  for (let index = 0; index < dataset.length; index++) {
    const samples = dataset.samples(index)
    if (samples < least) {
      throw new AudioError(`it has ${samples} samples, but a frame is made of ${least}.`, {
        file: dataset.clip(index).path,
        cure: `Leave it out: loadRecordings(clips, { minSamples: ${least} }), or selectClips for a dataset.`,
      })
    }
  }
  if ('load' in data) return dataset
  for (const { path, waveform } of data) {
    const index = waveform.findIndex((sample) => !Number.isFinite(sample))
    if (index >= 0) {
      throw new AudioError(`sample ${index} is ${waveform[index]}.`, {
        file: path,
        cure: 'Decode it again, or leave it out.',
      })
    }
  }
  return dataset
}

/** The batches of all epochs, and which of a batch's utterances are this process's. */
export const planBatches = (
  lengths: Uint32Array,
  buckets: NonNullable<BatchingOptions['buckets']>,
  options: BatchingOptions,
) => {
  const { batchSize, maxSamples, seed, shuffle = true, incomplete = 'fill', rank = 0, worldSize = 1 } = options
  const { multipleOf = worldSize } = options
  if (!(Number.isInteger(worldSize) && worldSize >= 1 && Number.isInteger(rank) && rank >= 0 && rank < worldSize)) {
    throw new ConfigError(`rank is ${rank} and worldSize ${worldSize}.`, { field: 'rank' })
  }
  if (multipleOf % worldSize !== 0) {
    throw new ConfigError(`multipleOf is ${multipleOf}, which is no multiple of worldSize (${worldSize}).`, {
      field: 'multipleOf',
    })
  }
  const planner = new BatchPlanner(lengths, {
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(maxSamples === undefined ? {} : { maxSamples }),
    buckets,
    incomplete,
    shuffle,
    multipleOf,
    seed,
  })
  /** Rows `[from, to)` of a batch of so many. */
  const ownRows = (size: number): [from: number, to: number] => {
    if (size % worldSize !== 0) {
      throw new DataError(`a batch of ${size} utterances cannot be shared equally by ${worldSize} processes.`, {
        cure: `Set multipleOf to a multiple of ${worldSize}.`,
      })
    }
    return [(rank * size) / worldSize, ((rank + 1) * size) / worldSize]
  }
  return { planner, ownRows }
}

/** Lengths of all recordings, cut to `most`. */
export const lengthsOf = (dataset: SpeechDataset, most = Number.POSITIVE_INFINITY): Uint32Array => {
  const lengths = new Uint32Array(dataset.length)
  for (let index = 0; index < lengths.length; index++) lengths[index] = Math.min(most, dataset.samples(index))
  return lengths
}

/** 1 at the samples of each row, 0 at its padding. */
export const attentionMaskOf = (lengths: readonly number[], paddedLength: number): Int32Array => {
  const mask = new Int32Array(lengths.length * paddedLength)
  lengths.forEach((length, row) => {
    mask.fill(1, row * paddedLength, row * paddedLength + length)
  })
  return mask
}

/** Waveforms as rows, padded with `paddingValue`. */
export const padRows = (waveforms: readonly Float32Array[], paddedLength: number, paddingValue = 0): Float32Array => {
  const values = new Float32Array(waveforms.length * paddedLength)
  if (paddingValue !== 0) values.fill(paddingValue)
  waveforms.forEach((waveform, row) => {
    values.set(waveform, row * paddedLength)
  })
  return values
}

/** Rows `[from, to)` of an array of int32. */
export const rowsOf = ({ data, shape }: HostArray, from: number, to: number): HostArray => {
  const size = data.length / shape[0]!
  const own = from === 0 && to === shape[0] ? data : data.slice(from * size, to * size)
  return intArray(own as Int32Array, [to - from, ...shape.slice(1)])
}

/** Seconds of audio in a batch, padding aside. */
export const validSeconds = (attentionMask: HostArray, samplingRate: number): number => {
  let samples = 0
  for (const valid of attentionMask.data) samples += valid
  return samples / samplingRate
}
