import {
  AudioError,
  type BatchPlan,
  type BucketedBatchesOptions,
  bucketedBatches,
  ConfigError,
  type HostArray,
  lengthBuckets,
  type Recording,
} from '@babble/core'
import type { Wav2Vec2Config } from '../config'
import { receptiveField } from '../geometry'

/** How recordings are put into batches. */
export interface BatchingOptions {
  readonly config: Wav2Vec2Config
  /** Utterances of a batch; either this or `maxSamples`. */
  readonly batchSize?: number
  /** Samples of a batch, padding included. */
  readonly maxSamples?: number
  /** How many padded lengths there are, each of which compiles a program, or those lengths in samples. Default 1. */
  readonly buckets?: number | readonly number[]
  /** All of the batches' randomness follows from it, the epoch and the batch's index. */
  readonly seed: number
  /** Shuffle the utterances in each epoch. Default true. */
  readonly shuffle?: boolean
  /** What becomes of utterances that do not fill a batch. Default `fill`: others are drawn again. */
  readonly incomplete?: BucketedBatchesOptions['incomplete']
  /** Bring each utterance to zero mean and unit variance. Default true. */
  readonly normalize?: boolean
  /** Hz of the recordings, for the reported seconds of audio. Default 16000. */
  readonly samplingRate?: number
}

/** @throws AudioError naming the first recording that is too short or has samples that are not finite. */
export const checkRecordings = (recordings: readonly Recording[], config: Wav2Vec2Config): void => {
  const least = receptiveField(config)
  for (const { path, waveform } of recordings) {
    if (waveform.length < least) {
      throw new AudioError(`it has ${waveform.length} samples, but a frame is made of ${least}.`, {
        file: path,
        cure: `Leave it out: loadRecordings(clips, { minSamples: ${least} }).`,
      })
    }
    const index = waveform.findIndex((sample) => !Number.isFinite(sample))
    if (index >= 0) {
      throw new AudioError(`sample ${index} is ${waveform[index]}.`, {
        file: path,
        cure: 'Decode it again, or leave it out.',
      })
    }
  }
}

/** The padded lengths of the batches. */
export const paddedLengths = (lengths: readonly number[], buckets: number | readonly number[]): number[] =>
  typeof buckets === 'number' ? lengthBuckets(lengths, buckets) : [...buckets].sort((a, b) => a - b)

/** The batches of any epoch, as a pure function of it; the epoch in use is remembered. */
export const epochPlans = (lengths: readonly number[], bounds: readonly number[], options: BatchingOptions) => {
  const { batchSize, maxSamples, seed, shuffle = true, incomplete = 'fill' } = options
  if ((batchSize === undefined) === (maxSamples === undefined)) {
    throw new ConfigError('give either batchSize or maxSamples.', { field: 'batchSize' })
  }
  const size = batchSize === undefined ? { maxSamples } : { batchSize }
  let known: { epoch: number; plans: BatchPlan[] } | undefined
  return (epoch: number): BatchPlan[] => {
    if (known?.epoch !== epoch) {
      known = { epoch, plans: bucketedBatches(lengths, { ...size, buckets: bounds, incomplete, shuffle, seed, epoch }) }
    }
    return known.plans
  }
}

/** Seconds of audio in a batch, padding aside. */
export const validSeconds = (attentionMask: HostArray, samplingRate: number): number => {
  let samples = 0
  for (const valid of attentionMask.data) samples += valid
  return samples / samplingRate
}
