import { type HostArray, intArray, type SpanMaskVariant, sampleBatchSpanMask } from '../data/index'
import type { HostRng } from '../random/index'
import type { SpeechEncoderConfig } from './speech-encoder-config'

export interface TimeMaskOptions {
  /** Valid frames of each utterance. */
  readonly lengths: readonly number[]
  /** Frames of the padded batch. */
  readonly frames: number
  readonly rng: HostRng
  readonly variant: SpanMaskVariant
}

/** Spans of frames to mask (section 3.1): 1 where masked, `[batch, frames]` row by row; padding never is. */
export const timeMask = (config: SpeechEncoderConfig, options: TimeMaskOptions): Int32Array =>
  Int32Array.from(
    sampleBatchSpanMask({
      ...options,
      probability: config.maskTimeProb,
      spanLength: config.maskTimeLength,
      minSpans: config.maskTimeMinMasks,
    }),
  )

/** Spans of feature channels to set to zero, over all frames of an utterance: int32 `[batch, hidden]`. */
export const featureMask = (config: SpeechEncoderConfig, batch: number, rng: HostRng): HostArray => {
  const { hiddenSize, maskFeatureProb, maskFeatureLength, maskFeatureMinMasks } = config
  const mask = sampleBatchSpanMask({
    lengths: new Array<number>(batch).fill(hiddenSize),
    frames: hiddenSize,
    probability: maskFeatureProb,
    spanLength: maskFeatureLength,
    minSpans: maskFeatureMinMasks,
    rng,
    variant: 'hf',
  })
  return intArray(Int32Array.from(mask), [batch, hiddenSize])
}
