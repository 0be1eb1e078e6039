import { type AdamWOptions, type Schedule, triStageSchedule } from '@babble/core'
import { type GumbelTemperatureOptions, type Wav2Vec2Config, wav2vec2Config } from '@babble/wav2vec2'
import type { Augmentation } from './voices'

/** One stage of training. */
export interface StageSettings {
  readonly steps: number
  readonly batchSize: number
  /** Length of an example, in seconds. */
  readonly seconds: number
  readonly augmentation: Augmentation
  readonly optimizer: AdamWOptions
  readonly clipNorm: number
}

export interface FinetuningSettings extends StageSettings {
  /** Most digits that an example joins; each number up to it is equally likely. */
  readonly mostDigits: number
  /** Updates between word error rates on the takes held out. */
  readonly evaluateEvery: number
  /** What is changed of the pre-trained configuration. */
  readonly config: Partial<Wav2Vec2Config>
}

export interface Settings {
  /** Hz. The public recordings are at 8 kHz: there is nothing above 4 kHz to hear. */
  readonly sampleRate: number
  readonly config: Wav2Vec2Config
  readonly pretraining: StageSettings & {
    readonly gumbelTemperature: GumbelTemperatureOptions
    readonly featureGradMult: number
  }
  readonly finetuning: FinetuningSettings
  /** Clips transcribed at a time. */
  readonly evaluationBatch: number
}

/**
 * A wav2vec 2.0 of 1 M parameters for 8 kHz: frames of 20 ms, as the paper's, by strides of 5, 2, 2, 2, 2 and 2. Narrow where the rate
 * is high, which is where the time would go.
 */
const config = wav2vec2Config({
  convDim: [32, 64, 96, 128, 128, 128],
  convStride: [5, 2, 2, 2, 2, 2],
  convKernel: [10, 3, 3, 3, 2, 2],
  // Statistics of valid samples only: batches of short clips are mostly padding, and of another length when transcribing.
  groupNormPadding: 'masked',
  hiddenSize: 144,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  intermediateSize: 576,
  doStableLayerNorm: true,
  initializerRange: 0.08,
  numConvPosEmbeddings: 32,
  numConvPosEmbeddingGroups: 8,
  hiddenDropout: 0,
  attentionDropout: 0,
  activationDropout: 0,
  featProjDropout: 0,
  featQuantizerDropout: 0,
  layerdrop: 0,
  maskTimeProb: 0.4,
  maskTimeLength: 5,
  numCodevectorsPerGroup: 32,
  numCodevectorGroups: 2,
  codevectorDim: 64,
  projCodevectorDim: 64,
  numNegatives: 30,
  // Five times the paper: with so little speech the codebooks would narrow to a few entries.
  diversityLossWeight: 0.5,
})

const adam = (learningRate: number): AdamWOptions => ({
  learningRate,
  betas: [0.9, 0.98],
  eps: 1e-6,
  weightDecay: 0.01,
})

const speeds = [0.82, 0.88, 0.94, 1, 1.07, 1.14, 1.22]

const full: Settings = {
  sampleRate: 8000,
  config,
  pretraining: {
    steps: 300,
    batchSize: 6,
    seconds: 2,
    augmentation: { speeds: [0.85, 0.92, 1, 1.08, 1.17], tilt: 0, signalToNoise: [100, 100] },
    optimizer: adam(2e-3),
    clipNorm: 1,
    gumbelTemperature: { start: 2, end: 0.5, decay: 0.996 },
    featureGradMult: 1,
  },
  finetuning: {
    steps: 1900,
    batchSize: 16,
    seconds: 0.8,
    mostDigits: 1,
    augmentation: { speeds, tilt: 0.3, signalToNoise: [30, 60] },
    optimizer: adam(2e-3),
    clipNorm: 5,
    evaluateEvery: 200,
    config: {
      hiddenDropout: 0.05,
      activationDropout: 0.05,
      featProjDropout: 0.05,
      finalDropout: 0.1,
      maskTimeProb: 0.02,
      maskTimeMinMasks: 0,
      ctcLossReduction: 'mean',
      ctcZeroInfinity: true,
    },
  },
  evaluationBatch: 50,
}

/** The factor on the learning rate: the paper's three stages, a tenth up, four tenths constant, the rest an exponential decay. */
export const demoSchedule = (totalSteps: number): Schedule => triStageSchedule({ totalSteps })

/** The settings of a run: the whole one, or the shortened one. */
export const demoSettings = (quick: boolean): Settings =>
  quick
    ? {
        ...full,
        pretraining: { ...full.pretraining, steps: 40, gumbelTemperature: { start: 2, end: 0.5, decay: 0.95 } },
        finetuning: { ...full.finetuning, steps: 60, evaluateEvery: 30 },
      }
    : full
