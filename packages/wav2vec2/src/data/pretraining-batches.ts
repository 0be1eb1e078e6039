import {
  type BatchSource,
  ConfigError,
  floatArray,
  type HostArray,
  HostRng,
  intArray,
  type Recording,
  type SpanMaskVariant,
  sampleDistractors,
} from '@babble/core'
import { normalizeWaveform } from '../feature-extractor'
import { frameCount, receptiveField } from '../geometry'
import { featureMask, timeMask } from '../masking'
import { type BatchingOptions, checkRecordings, epochPlans, paddedLengths, validSeconds } from './plan'

/** A batch on the host, under the names of `Wav2Vec2ForPreTraining.forward`. */
export interface Wav2Vec2PretrainingHostBatch {
  readonly [name: string]: HostArray
  /** float32 `[batch, samples]` */
  readonly inputValues: HostArray
  /** int32 `[batch, samples]`: 1 at samples, 0 at padding. */
  readonly attentionMask: HostArray
  /** int32 `[batch, frames]`: 1 where a frame is masked. */
  readonly maskTimeIndices: HostArray
  /** int32 `[batch, frames, K]`: distractors of masked frames, as indices into the batch's frames in a row; 0 elsewhere. */
  readonly sampledNegativeIndices: HostArray
}

export interface PretrainingBatchesOptions extends BatchingOptions {
  /** Longer utterances are cropped to this many samples, at a random place. Default 250000 (15.6 s), the paper's BASE. */
  readonly cropSamples?: number
  /**
   * How an utterance comes to its batch's length: `crop` cuts it to the bucket below it, so there is hardly any padding, which is how
   * BASE is trained, since padding would enter its group norm; `pad` keeps all samples. Default: `crop` for group norm over padding.
   */
  readonly fit?: 'crop' | 'pad'
  /** How spans are drawn; `fairseq`, the default, also gives all utterances of a batch equally many masked frames. */
  readonly maskVariant?: SpanMaskVariant
}

/**
 * Batches for pre-training: utterances of similar length, normalised, cropped or padded, with span masks (the paper's section 3.1: p
 * and M from the configuration's `maskTimeProb` and `maskTimeLength`) and with `numNegatives` distractors for each masked frame,
 * from the masked frames of the same utterance (section 3.2).
 *
 * @throws AudioError naming the first recording that is shorter than a frame or has samples that are not finite.
 */
export const pretrainingBatches = (
  recordings: readonly Recording[],
  options: PretrainingBatchesOptions,
): BatchSource<Wav2Vec2PretrainingHostBatch> => {
  const {
    config,
    seed,
    buckets = 1,
    cropSamples = 250_000,
    normalize = true,
    samplingRate = 16000,
    maskVariant = 'fairseq',
  } = options
  if (!(config.maskTimeProb > 0)) {
    throw new ConfigError('maskTimeProb is 0, but pre-training predicts masked frames.', {
      field: 'maskTimeProb',
      cure: 'The paper has 0.65.',
    })
  }
  if (!(cropSamples >= receptiveField(config))) {
    throw new ConfigError(`cropSamples is ${cropSamples}, less than a frame.`, { field: 'cropSamples' })
  }
  checkRecordings(recordings, config)
  const crops = config.featExtractNorm === 'group' && config.groupNormPadding === 'reference'
  const { fit = crops ? 'crop' : 'pad' } = options
  const whole = recordings.map(({ waveform }) => Math.min(waveform.length, cropSamples))
  const bounds =
    fit === 'crop' && typeof buckets === 'number' ? lowerBounds(whole, buckets) : paddedLengths(whole, buckets)
  const lengths = fit === 'crop' ? whole.map((length) => bounds.findLast((bound) => bound <= length) ?? length) : whole
  const plans = epochPlans(lengths, bounds, options)

  const batch = (epoch: number, index: number): Wav2Vec2PretrainingHostBatch => {
    const { indices, paddedLength } = plans(epoch)[index]!
    const rng = new HostRng(seed, 'wav2vec2-pretraining', epoch, index)
    const size = indices.length
    const inputValues = new Float32Array(size * paddedLength)
    const attentionMask = new Int32Array(inputValues.length)
    const frameLengths = indices.map((recording, item) => {
      const { waveform, path } = recordings[recording]!
      const length = lengths[recording]!
      const start = rng.int(waveform.length - length + 1)
      const samples = normalize ? normalizeWaveform(waveform, path) : waveform
      inputValues.set(samples.subarray(start, start + length), item * paddedLength)
      attentionMask.fill(1, item * paddedLength, item * paddedLength + length)
      return frameCount(config, length)
    })
    const frames = frameCount(config, paddedLength)
    const masked = timeMask(config, { lengths: frameLengths, frames, rng, variant: maskVariant })
    const shape = [size, paddedLength]
    return {
      inputValues: floatArray(inputValues, shape),
      attentionMask: intArray(attentionMask, shape),
      maskTimeIndices: intArray(masked, [size, frames]),
      sampledNegativeIndices: negativeIndices(masked, frames, config.numNegatives, rng),
      ...(config.maskFeatureProb > 0 ? { maskFeatureIndices: featureMask(config, size, rng) } : {}),
    }
  }

  return {
    name: 'wav2vec2-pretraining',
    batchesPerEpoch: (epoch) => plans(epoch).length,
    batch,
    audioSeconds: ({ attentionMask }) => validSeconds(attentionMask, samplingRate),
  }
}

/** Lengths to crop to: the shortest of each of `buckets` groups of about equally many utterances. */
const lowerBounds = (lengths: readonly number[], buckets: number): number[] => {
  const sorted = [...lengths].sort((a, b) => a - b)
  const bounds = Array.from({ length: buckets }, (_, bucket) => sorted[Math.floor((bucket * sorted.length) / buckets)]!)
  return [...new Set(bounds)]
}

/** Distractors of the masked frames of a batch, as indices into its `[batch * frames]` frames. */
const negativeIndices = (masked: Int32Array, frames: number, distractors: number, rng: HostRng): HostArray => {
  const size = masked.length / frames
  const negatives = new Int32Array(masked.length * distractors)
  for (let item = 0; item < size; item++) {
    const maskedFrames: number[] = []
    for (let at = item * frames; at < (item + 1) * frames; at++) if (masked[at] === 1) maskedFrames.push(at)
    const drawn = sampleDistractors({ maskedFrames, distractors, rng })
    maskedFrames.forEach((at, row) => {
      negatives.set(drawn.subarray(row * distractors, (row + 1) * distractors), at * distractors)
    })
  }
  return intArray(negatives, [size, frames, distractors])
}
