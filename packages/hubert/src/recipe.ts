import {
  type CtcRecipe,
  freezeEncoderUntil,
  type LabelledSpeech,
  type OptimizerSettings,
  type ParameterGroup,
  polynomialDecaySchedule,
  type TrainingRecipe,
  triStageSchedule,
} from '@babble/core'
import { type HubertConfig, hubertBase, hubertLarge, hubertTiny, hubertXLarge } from './config'

/** Sizes of model with a recipe. */
export type HubertSize = 'tiny' | 'base' | 'large' | 'xlarge'

/**
 * What the labels are clusters of. 1: MFCC, 100 labels a second, 100 clusters. 2: a layer of the model before (BASE: layer 6 of the first
 * iteration; LARGE and X-LARGE: layer 9 of BASE's second), 50 labels a second, 500 clusters.
 */
export type HubertIteration = 1 | 2

export interface HubertPretrainingRecipe extends TrainingRecipe {
  readonly config: HubertConfig
  /** Weight of the loss on masked frames. */
  readonly maskedWeight: number
  /** Weight of the loss on the other frames. */
  readonly unmaskedWeight: number
  /** Factor on the gradient that reaches the waveform encoder. */
  readonly featureGradMult: number
  /** Weight of the mean square of the waveform encoder's output. */
  readonly featurePenaltyWeight: number
  /** Whether waveforms are brought to zero mean and unit variance. */
  readonly normalize: boolean
  /** Shorter utterances are left out, in samples. */
  readonly minSamples: number
  /** Longest utterance, in samples. */
  readonly cropSamples: number
  /** Samples of a whole batch, over all devices and micro-batches. */
  readonly batchSamples: number
}

export interface HubertPretrainingOverrides {
  /** Default: 1 for `tiny` and `base`; 2 for `large` and `xlarge`, which the paper trains on labels of a BASE model. */
  readonly iteration?: HubertIteration
  readonly maxSteps?: number
  readonly config?: Partial<HubertConfig>
}

/** Labels a second, and clusters, of each iteration. */
const labelsOf: Readonly<Record<HubertIteration, { labelRate: number; numClasses: readonly number[] }>> = {
  1: { labelRate: 100, numClasses: [100] },
  2: { labelRate: 50, numClasses: [500] },
}

const adam = (learningRate: number): OptimizerSettings => ({
  learningRate,
  betas: [0.9, 0.98],
  eps: 1e-6,
  weightDecay: 0.01,
})

/** What `tiny` is pre-trained with beside its size: norms before attention, wide initial weights, no dropout. */
const tinyPretraining: Partial<HubertConfig> = {
  doStableLayerNorm: true,
  initializerRange: 0.08,
  hiddenDropout: 0,
  attentionDropout: 0,
  featProjDropout: 0,
}

/** The iteration that a size is trained in unless another is asked for. */
export const usualIteration = (size: HubertSize): HubertIteration => (size === 'tiny' || size === 'base' ? 1 : 2)

/**
 * Pre-training as in section IV-C, with what only fairseq's published settings say: Adam, a linear warm-up over 8 % of the updates, then a
 * linear decay; loss on masked frames only. BASE is trained on LibriSpeech (0.8 h of audio a batch, on 32 GPUs) for 250,000 updates, then
 * 400,000; LARGE and X-LARGE on Libri-Light (2 h and 1.6 h, on 128 and 256 GPUs). `tiny` is for a laptop.
 */
export const hubertPretrainingRecipe = (
  size: HubertSize,
  overrides: HubertPretrainingOverrides = {},
): HubertPretrainingRecipe => {
  const iteration = overrides.iteration ?? usualIteration(size)
  const fields = { ...labelsOf[iteration], ...overrides.config }
  const paper = { maskedWeight: 1, unmaskedWeight: 0, minSamples: 32_000, cropSamples: 250_000 }
  const recipe = {
    tiny: {
      // Norms and no dropout as in LARGE: what keeps BASE steady for 400,000 updates keeps so small a model from learning anything in 2,000.
      config: hubertTiny({ ...tinyPretraining, ...fields }),
      maxSteps: 2000,
      optimizer: adam(2e-3),
      clipNorm: 10,
      ...paper,
      featureGradMult: 1,
      featurePenaltyWeight: 0,
      normalize: true,
      // A span of masked frames, and a few around it.
      minSamples: 4000,
      cropSamples: 80_000,
      batchSamples: 640_000,
    },
    base: {
      config: hubertBase(fields),
      maxSteps: iteration === 1 ? 250_000 : 400_000,
      optimizer: adam(5e-4),
      clipNorm: 10,
      ...paper,
      featureGradMult: 0.1,
      featurePenaltyWeight: 10,
      normalize: false,
      batchSamples: 32 * 1_400_000,
    },
    large: {
      config: hubertLarge(fields),
      maxSteps: 400_000,
      optimizer: adam(1.5e-3),
      clipNorm: 1,
      ...paper,
      featureGradMult: 1,
      featurePenaltyWeight: 10,
      normalize: true,
      batchSamples: 128 * 900_000,
    },
    xlarge: {
      config: hubertXLarge(fields),
      maxSteps: 400_000,
      optimizer: adam(3e-3),
      clipNorm: 1,
      ...paper,
      featureGradMult: 1,
      featurePenaltyWeight: 10,
      normalize: true,
      batchSamples: 256 * 360_000,
    },
  }[size]
  const maxSteps = overrides.maxSteps ?? recipe.maxSteps
  const warmupSteps = Math.max(1, Math.round(0.08 * maxSteps))
  return { ...recipe, maxSteps, schedule: polynomialDecaySchedule({ warmupSteps, totalSteps: maxSteps }) }
}

/**
 * How fine-tuning's learning rate goes, in shares of the updates. fairseq's published settings for 10 h warm up over 8,000 of 25,000 updates and
 * then decay for 72,000 more to 0.05 of the rate, of which training sees the first 17,000.
 */
export const ctcSchedule = { phases: [0.32, 0, 0.68], start: 0.01, end: 0.05 ** (17 / 72) } as const

/**
 * Fine-tuning as in section IV-D: Adam, a warm-up and a decay, the head alone for the first updates, masks of frames and channels, the waveform
 * encoder as it is. The paper searches the rate, the number of updates, the freeze and the masks for each amount of labelled speech and gives
 * no values: `10h` is what fairseq publishes; the others have its schedule, with wav2vec 2.0's updates, rates and masks.
 */
export const hubertCtcRecipe = (
  labelled: LabelledSpeech,
  overrides: { maxSteps?: number } = {},
): CtcRecipe<HubertConfig> => {
  const [updates, frozen, maskTimeProb, maskFeatureProb, learningRate] = {
    '10min': [12_000, 10_000, 0.75, 0.512, 5e-5] as const,
    '1h': [13_000, 10_000, 0.75, 0.256, 5e-5] as const,
    '10h': [25_000, 10_000, 0.75, 0.5, 2e-5] as const,
    '100h': [50_000, 0, 0.5, 0.512, 3e-5] as const,
    '960h': [320_000, 0, 0.5, 0.1024, 1e-4] as const,
  }[labelled]
  const maxSteps = overrides.maxSteps ?? updates
  return {
    config: {
      maskTimeProb,
      maskTimeLength: 10,
      maskFeatureProb,
      maskFeatureLength: 64,
      hiddenDropout: 0,
      attentionDropout: 0,
      featProjDropout: 0,
      layerdrop: 0.1,
      activationDropout: 0.1,
      ctcZeroInfinity: true,
    },
    maxSteps,
    optimizer: { learningRate, betas: [0.9, 0.98], eps: 1e-8, weightDecay: 0 },
    schedule: triStageSchedule({ totalSteps: maxSteps, ...ctcSchedule }),
    freezeTransformerUpdates: Math.round((frozen / updates) * maxSteps),
  }
}

/** Keeps all but the CTC head as it is for the first `updates` updates: see `freezeEncoderUntil`. */
export const freezeHubertUntil = (updates: number): ParameterGroup => freezeEncoderUntil('hubert.', updates)
