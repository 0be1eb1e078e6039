import { type HostArray, intArray, type SpanMaskVariant, sampleBatchSpanMask } from '../data/index'
import type { HostRng } from '../random/index'
import { frameCount, ownFrameCount } from './geometry'
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

/**
 * The masks of a batch in fine-tuning (wav2vec 2.0, appendix B), as the configuration says: `maskTimeIndices` `[batch, frames]` and `maskFeatureIndices` `[batch, hidden]`, each
 * only where it masks something.
 *
 * @param samples Valid samples of each utterance.
 */
export const specAugmentMasks = (
  config: SpeechEncoderConfig,
  samples: readonly number[],
  paddedLength: number,
  rng: HostRng,
): Record<string, HostArray> => {
  if (!config.applySpecAugment) return {}
  const frames = frameCount(config, paddedLength)
  const lengths = samples.map((length) => ownFrameCount(config, length, paddedLength))
  const masks: Record<string, HostArray> = {}
  if (config.maskTimeProb > 0) {
    masks.maskTimeIndices = intArray(timeMask(config, { lengths, frames, rng, variant: 'hf' }), [
      lengths.length,
      frames,
    ])
  }
  if (config.maskFeatureProb > 0) masks.maskFeatureIndices = featureMask(config, lengths.length, rng)
  return masks
}
