import { ConfigError } from '../errors'
import type { HostRng } from '../random/index'

/**
 * Where the reference implementations differ: `fairseq` draws starts from [0, frames - spanLength), `hf` (Hugging Face) from
 * [0, frames - spanLength], and with short sequences `fairseq` cuts spans off at the end where `hf` draws fewer.
 */
export type SpanMaskVariant = 'fairseq' | 'hf'

export interface SpanMaskOptions {
  /** Valid frames of the sequence; also the mask's length. */
  readonly frames: number
  /** Frames that spans cover in all, as a share of the sequence, if none overlapped: `p` of SpecAugment-style masking (0.65). */
  readonly probability: number
  /** Frames of a span (10). */
  readonly spanLength: number
  /** Default 0 (the references take 2). */
  readonly minSpans?: number
  readonly rng: HostRng
  readonly variant: SpanMaskVariant
  /** What is added to the number of spans before it is cut to an integer, in [0, 1). Default: drawn; `hf` shares one over a batch. */
  readonly spanCountOffset?: number
  /** Length that the batch is padded to, which limits the number of spans under `hf`. Default `frames`. */
  readonly paddedFrames?: number
}

/**
 * Masks random spans of a sequence: wav2vec 2.0, section 3.1. Starts are drawn without replacement; spans may overlap.
 *
 * @returns 1 where a frame is masked, else 0; `[frames]`.
 */
export const sampleSpanMask = (options: SpanMaskOptions): Uint8Array => {
  const { frames, probability, spanLength, minSpans = 0, rng, variant, paddedFrames = frames } = options
  if (!(probability >= 0)) throw new ConfigError(`probability is ${probability}.`, { field: 'probability' })
  if (!Number.isInteger(spanLength) || spanLength < 1)
    throw new ConfigError(`spanLength is ${spanLength}.`, { field: 'spanLength' })
  const offset = options.spanCountOffset ?? rng.uniform()
  const mask = new Uint8Array(frames)
  let spans = Math.max(minSpans, Math.trunc((probability * frames) / spanLength + offset))
  let starts: number
  if (variant === 'hf') {
    if (spans * spanLength > paddedFrames) spans = Math.floor(paddedFrames / spanLength)
    starts = Math.max(0, frames - (spanLength - 1))
    spans = Math.min(spans, starts)
  } else {
    starts = frames - spanLength
    // Too short for that many distinct starts: as many places as it takes, and spans end with the sequence.
    if (starts <= spans) starts = spans + 1
  }
  if (spans === 0) return mask
  for (const start of rng.choice(starts, spans)) mask.fill(1, start, Math.min(frames, start + spanLength))
  return mask
}

/** Masked frames. */
export const countMasked = (mask: Uint8Array): number => mask.reduce((sum, masked) => sum + masked, 0)

/**
 * Unmasks random frames, in place, until each mask has as many masked frames as the one that has fewest: fairseq's way to give
 * all items of a batch the same number. It breaks spans up.
 */
export const equaliseMaskCounts = (masks: readonly Uint8Array[], rng: HostRng): void => {
  const smallest = Math.min(...masks.map(countMasked))
  for (const mask of masks) {
    const masked = [...mask.keys()].filter((frame) => mask[frame] === 1)
    if (masked.length === smallest) continue
    for (const position of rng.choice(masked.length, masked.length - smallest)) mask[masked[position]!] = 0
  }
}

export interface BatchSpanMaskOptions extends Omit<SpanMaskOptions, 'frames' | 'paddedFrames' | 'spanCountOffset'> {
  /** Valid frames of each item. */
  readonly lengths: readonly number[]
  /** Frames of each row of the result; at least the longest length. */
  readonly frames: number
  /** Give all items the same number of masked frames. Default: as the variant's reference does (`fairseq` yes, `hf` no). */
  readonly equalise?: boolean
}

/**
 * Span masks for a batch, as the variant's reference draws them: under `hf` all items share one rounding offset; under
 * `fairseq` each has its own, and the counts are then equalised.
 *
 * @returns `[items, frames]` row by row; padding is never masked.
 */
export const sampleBatchSpanMask = (options: BatchSpanMaskOptions): Uint8Array => {
  const { lengths, frames, equalise = options.variant === 'fairseq', ...rest } = options
  const shared = rest.variant === 'hf' ? { spanCountOffset: rest.rng.uniform() } : {}
  const masks = lengths.map((length) => sampleSpanMask({ ...rest, ...shared, frames: length, paddedFrames: frames }))
  if (equalise) equaliseMaskCounts(masks, rest.rng)
  const batch = new Uint8Array(lengths.length * frames)
  masks.forEach((mask, item) => {
    batch.set(mask, item * frames)
  })
  return batch
}
