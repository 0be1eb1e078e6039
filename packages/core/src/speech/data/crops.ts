import { lengthBuckets, type PaddingLimit } from '../../data/index'
import type { SpeechEncoderConfig } from '../speech-encoder-config'

/**
 * How an utterance comes to its batch's length: `crop` cuts it to the bucket below it, so there is hardly any padding, which is how
 * BASE models are trained, since padding would enter their group norm; `pad` keeps all samples.
 */
export type BatchFit = 'crop' | 'pad'

/** `crop` for group norm over padding. */
export const defaultFit = ({ featExtractNorm, groupNormPadding }: SpeechEncoderConfig): BatchFit =>
  featExtractNorm === 'group' && groupNormPadding === 'reference' ? 'crop' : 'pad'

export interface FittedLengths {
  readonly lengths: Uint32Array
  /** For `planBatches`. */
  readonly buckets: number | PaddingLimit | readonly number[]
  /** Share of the samples that an epoch's crops hold; with few buckets one short recording shortens many. */
  readonly audioKept: number
}

/** Lengths of utterances after cropping, and the lengths that batches are padded to, for `planBatches`. */
export const fitLengths = (
  lengths: Uint32Array,
  buckets: number | PaddingLimit | readonly number[],
  fit: BatchFit,
): FittedLengths => {
  if (fit === 'pad') return { lengths, buckets, audioKept: 1 }
  const bounds = Array.isArray(buckets) ? (buckets as number[]) : lowerBounds(lengths, buckets as number | PaddingLimit)
  const cropped = cropLengths(lengths, bounds)
  return { lengths: cropped, buckets: bounds, audioKept: total(cropped) / Math.max(1, total(lengths)) }
}

/** What to tell users where cropping to the shortest of a bucket keeps less than half of the recordings; undefined where it does not. */
export const croppingNote = (audioKept: number): string | undefined =>
  audioKept >= 0.5
    ? undefined
    : `Recordings are cropped to the shortest of their bucket, which keeps ${(100 * audioKept).toFixed(0)} % of each epoch's audio: ` +
      'use more buckets (data.buckets), or leave out the shortest recordings.'

const total = (lengths: Uint32Array): number => lengths.reduce((sum, length) => sum + length, 0)

/** Lengths to crop to: the shortest of each of `buckets` groups of about equally many utterances. */
const lowerBounds = (lengths: Uint32Array, buckets: number | PaddingLimit): number[] => {
  const sorted = lengths.slice().sort()
  const count = typeof buckets === 'number' ? buckets : lengthBuckets(lengths, buckets).length
  const bounds = Array.from({ length: count }, (_, bucket) => sorted[Math.floor((bucket * sorted.length) / count)]!)
  return [...new Set(bounds)]
}

/** Each length cut to the longest bound that it reaches. */
const cropLengths = (lengths: Uint32Array, bounds: readonly number[]): Uint32Array => {
  const sorted = [...bounds].sort((a, b) => a - b)
  return lengths.map((length) => sorted.findLast((bound) => bound <= length) ?? length)
}
