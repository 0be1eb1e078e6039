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
import { type Wav2Vec2Config, wav2vec2Base, wav2vec2Large, wav2vec2Tiny } from './config'
import type { GumbelTemperatureOptions } from './objective'

/** Sizes of model with a recipe. */
export type Wav2Vec2Size = 'tiny' | 'base' | 'large'

export interface PretrainingRecipe extends TrainingRecipe {
  readonly config: Wav2Vec2Config
  readonly gumbelTemperature: GumbelTemperatureOptions
  /** Factor on the gradient that reaches the waveform encoder. */
  readonly featureGradMult: number
  /** Weight of the mean square of the waveform encoder's output. */
  readonly featurePenaltyWeight: number
  /** Longest utterance, in samples. */
  readonly cropSamples: number
  /** Samples of a whole batch, over all devices and micro-batches. */
  readonly batchSamples: number
}

const adam = (learningRate: number, weightDecay: number): OptimizerSettings => ({
  learningRate,
  betas: [0.9, 0.98],
  eps: 1e-6,
  weightDecay,
})

/** What `tiny` is pre-trained with beside its size: norms before attention, wide initial weights, no dropout. */
const tinyPretraining: Partial<Wav2Vec2Config> = {
  doStableLayerNorm: true,
  initializerRange: 0.08,
  hiddenDropout: 0,
  attentionDropout: 0,
  featProjDropout: 0,
  featQuantizerDropout: 0,
}

/**
 * Pre-training as in section 4.2: Adam, a linear warm-up over 8 % of the updates, then a linear decay. `base` and `large` are the
 * paper's on LibriSpeech and LibriVox (1.6 h and 2.7 h of audio a batch, on 64 and 128 GPUs); `tiny` is for a laptop.
 */
export const pretrainingRecipe = (
  size: Wav2Vec2Size,
  overrides: { maxSteps?: number; config?: Partial<Wav2Vec2Config> } = {},
): PretrainingRecipe => {
  const recipe = {
    tiny: {
      // As LARGE is trained: what keeps BASE steady for 400,000 updates keeps so small a model from learning anything in 2,000.
      config: wav2vec2Tiny({ ...tinyPretraining, ...overrides.config }),
      maxSteps: 2000,
      optimizer: adam(2e-3, 0.01),
      clipNorm: 10,
      gumbelTemperature: { start: 2, end: 0.5, decay: 0.999 },
      featureGradMult: 1,
      featurePenaltyWeight: 0,
      cropSamples: 80_000,
      batchSamples: 640_000,
    },
    base: {
      config: wav2vec2Base(overrides.config),
      maxSteps: 400_000,
      optimizer: adam(5e-4, 0.01),
      gumbelTemperature: { start: 2, end: 0.5, decay: 0.999995 },
      featureGradMult: 0.1,
      featurePenaltyWeight: 10,
      cropSamples: 250_000,
      batchSamples: 64 * 1_400_000,
    },
    large: {
      config: wav2vec2Large(overrides.config),
      maxSteps: 1_000_000,
      optimizer: adam(3e-4, 0.01),
      gumbelTemperature: { start: 2, end: 0.1, decay: 0.999995 },
      featureGradMult: 1,
      featurePenaltyWeight: 0,
      cropSamples: 320_000,
      batchSamples: 128 * 1_200_000,
    },
  }[size]
  const maxSteps = overrides.maxSteps ?? recipe.maxSteps
  const warmupSteps = Math.max(1, Math.round(0.08 * maxSteps))
  return { ...recipe, maxSteps, schedule: polynomialDecaySchedule({ warmupSteps, totalSteps: maxSteps }) }
}

/**
 * Fine-tuning as in the paper's appendix B: Adam, a tri-stage schedule (10 % warm-up, 40 % constant, then decay), the head alone for
 * the first 10,000 updates (not with 100 h and more), masks of frames and channels by the amount of labelled speech.
 */
export const ctcRecipe = (
  labelled: LabelledSpeech,
  overrides: { maxSteps?: number } = {},
): CtcRecipe<Wav2Vec2Config> => {
  // Spans of 10 frames and of 64 channels; probabilities are the paper's for a span's start, times the span's length.
  const [updates, frames, channels, learningRate] = {
    '10min': [12_000, 0.075, 0.008, 5e-5] as const,
    '1h': [13_000, 0.075, 0.004, 5e-5] as const,
    '10h': [20_000, 0.065, 0.004, 5e-5] as const,
    '100h': [50_000, 0.05, 0.008, 3e-5] as const,
    '960h': [320_000, 0.05, 0.0016, 1e-4] as const,
  }[labelled]
  const maxSteps = overrides.maxSteps ?? updates
  const frozenShare = labelled === '100h' || labelled === '960h' ? 0 : 10_000 / updates
  return {
    config: {
      maskTimeProb: 10 * frames,
      maskTimeLength: 10,
      maskFeatureProb: 64 * channels,
      maskFeatureLength: 64,
      layerdrop: labelled === '100h' || labelled === '960h' ? 0.1 : 0.05,
      activationDropout: 0.1,
      featProjDropout: 0,
      ctcZeroInfinity: true,
    },
    maxSteps,
    optimizer: adam(learningRate, 0),
    schedule: triStageSchedule({ totalSteps: maxSteps, phases: [0.1, 0.4, 0.5] }),
    freezeTransformerUpdates: Math.round(frozenShare * maxSteps),
  }
}

/** Keeps all but the CTC head as it is for the first `updates` updates: see `freezeEncoderUntil`. */
export const freezeTransformerUntil = (updates: number): ParameterGroup => freezeEncoderUntil('wav2vec2.', updates)
