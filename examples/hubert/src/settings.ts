import type { AdamWOptions, FrontEndConfig } from '@babble/core'
import type { HubertConfig } from '@babble/hubert'
import type { Wav2Vec2Config } from '@babble/wav2vec2'

/** What HuBERT and wav2vec 2.0 have in common here: the whole encoder. */
type Encoder = Partial<HubertConfig> & Partial<Wav2Vec2Config>

export interface CorpusSettings {
  /** Seconds of a string that is pre-trained on. */
  readonly seconds: number
  /** Factors of tempo and pitch that training takes are said at. */
  readonly speeds: readonly number[]
  /** Digits of the strings for fine-tuning, and of those held out. */
  readonly digits: number
  /** One of so many training takes has a transcript. */
  readonly labelledEvery: number
}

export interface FinetuningSettings {
  readonly steps: number
  readonly batchSize: number
  readonly evaluateEvery: number
  readonly optimizer: AdamWOptions
  readonly clipNorm: number
  /** What is changed of the pre-trained configuration. */
  readonly config: Encoder
}

export interface Settings {
  /** Hz. The public recordings are at 8 kHz: there is nothing above 4 kHz to hear. */
  readonly sampleRate: number
  readonly corpus: CorpusSettings
  /** The first iteration's features. */
  readonly mfcc: FrontEndConfig
  /** Clusters of MFCC, which the first iteration predicts, and of each layer that is measured beside them. */
  readonly clusters: number
  /** Clusters of the first iteration's layer, which the second predicts. */
  readonly refinedClusters: number
  /** The Transformer layer that is clustered, counted from 1. */
  readonly layer: number
  readonly encoder: Encoder
  /** Strings of an update in pre-training. */
  readonly batchSize: number
  /** Updates of the first iteration and of the second. */
  readonly iterations: readonly [number, number]
  /** HuBERT's pre-training, where it is not the recipe of `tiny`. */
  readonly hubert: {
    readonly learningRate: number
    /** Weight of the loss on frames that are not hidden; the paper's alpha is 1 / (1 + it). */
    readonly unmaskedWeight: number
    readonly config: Partial<HubertConfig>
  }
  /** Codebooks, masks and the like of wav2vec 2.0's. */
  readonly wav2vec2: Partial<Wav2Vec2Config>
  readonly finetuning: FinetuningSettings
}

/**
 * Frames of 20 ms at 8 kHz, by strides of 5, 2, 2, 2, 2 and 2; narrow where the rate is high, which is where the time would go. Group
 * norm over valid samples only: pre-training has no padding, fine-tuning has.
 */
const encoder: Encoder = {
  convDim: [32, 64, 96, 128, 128, 128],
  convStride: [5, 2, 2, 2, 2, 2],
  convKernel: [10, 3, 3, 3, 2, 2],
  groupNormPadding: 'masked',
  hiddenSize: 128,
  numHiddenLayers: 4,
  numAttentionHeads: 4,
  intermediateSize: 384,
  numConvPosEmbeddings: 32,
  numConvPosEmbeddingGroups: 8,
}

const full: Settings = {
  sampleRate: 8000,
  corpus: { seconds: 2, speeds: [0.85, 0.92, 1, 1.08, 1.17], digits: 4, labelledEvery: 5 },
  // As `hubert-mfcc`, with filters up to 4 kHz: 13 MFCC with deltas and their deltas, 100 frames a second.
  mfcc: { type: 'mfcc', sampleRate: 8000, fullScale: 1, deltas: true },
  clusters: 100,
  refinedClusters: 200,
  layer: 2,
  encoder,
  batchSize: 4,
  iterations: [1500, 1500],
  hubert: { learningRate: 3e-3, unmaskedWeight: 1, config: { maskTimeProb: 0.4, maskTimeLength: 5 } },
  wav2vec2: {
    maskTimeProb: 0.4,
    maskTimeLength: 5,
    numNegatives: 30,
    // Five times the paper: with so little speech the codebooks would narrow to a few entries.
    diversityLossWeight: 0.5,
  },
  finetuning: {
    steps: 300,
    batchSize: 8,
    evaluateEvery: 75,
    optimizer: { learningRate: 2e-3, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.01 },
    clipNorm: 5,
    config: {
      hiddenDropout: 0.05,
      activationDropout: 0.05,
      featProjDropout: 0.05,
      finalDropout: 0.1,
      maskTimeProb: 0.1,
      maskTimeLength: 5,
      maskTimeMinMasks: 0,
      ctcLossReduction: 'mean',
      ctcZeroInfinity: true,
    },
  },
}

/** The settings of a run: the whole one, or the shortened one. */
export const exampleSettings = (quick: boolean): Settings =>
  quick
    ? {
        ...full,
        corpus: { ...full.corpus, speeds: [1] },
        clusters: 50,
        refinedClusters: 50,
        iterations: [30, 30],
        finetuning: { ...full.finetuning, steps: 30, evaluateEvery: 15 },
      }
    : full
