import { numberedLabels } from './class-labels'
import { fraction, integer, oneOf, optionalInteger, positive, weight, wholeList } from './config-rules'
import type { ConfigRules, Refuse } from './model-config'

/**
 * The hyper-parameters that all models on the waveform encoder of wav2vec 2.0 share (wav2vec 2.0, HuBERT and their relatives), under the names of Hugging Face's
 * `config.json` in camelCase: the encoder, its masks, and the heads for recognition and classification.
 */
export interface SpeechEncoderConfig {
  /** Units of the CTC head, the blank included. */
  readonly vocabSize: number
  /** Width of the Transformer. */
  readonly hiddenSize: number
  /** Transformer blocks. */
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  /** Width inside the feed-forward blocks. */
  readonly intermediateSize: number
  readonly hiddenAct: 'gelu'
  /** Dropout after attention, after the feed-forward block and before the first Transformer block. */
  readonly hiddenDropout: number
  /** Dropout inside the feed-forward blocks. */
  readonly activationDropout: number
  /** Dropout on attention weights. */
  readonly attentionDropout: number
  /** Dropout on the projected features (fairseq's `dropout_input`). */
  readonly featProjDropout: number
  /** Dropout before the CTC head. */
  readonly finalDropout: number
  /** Probability that a Transformer block is skipped in training (LayerDrop). */
  readonly layerdrop: number
  /** Standard deviation of the initial linear weights. */
  readonly initializerRange: number
  readonly layerNormEps: number
  /** `group`: group norm after the first convolution (BASE); `layer`: layer norm after each (LARGE). */
  readonly featExtractNorm: 'group' | 'layer'
  readonly featExtractActivation: 'gelu'
  /** Channels, strides and kernel widths of the waveform encoder's convolutions. */
  readonly convDim: readonly number[]
  readonly convStride: readonly number[]
  readonly convKernel: readonly number[]
  readonly convBias: boolean
  /** Kernel width, in frames, of the convolution that serves as relative position embedding. */
  readonly numConvPosEmbeddings: number
  readonly numConvPosEmbeddingGroups: number
  /** Whether the Transformer's layer norms come before attention and feed-forward (LARGE) or after them (BASE). */
  readonly doStableLayerNorm: boolean
  /** Whether masks are applied at all. */
  readonly applySpecAugment: boolean
  /** Share of frames that would be masked if spans did not overlap: spans' starts times their length. */
  readonly maskTimeProb: number
  /** Frames in a masked span. */
  readonly maskTimeLength: number
  /** Least number of masked spans in an utterance. */
  readonly maskTimeMinMasks: number
  /** The same over feature channels, which are set to zero (fine-tuning). */
  readonly maskFeatureProb: number
  readonly maskFeatureLength: number
  readonly maskFeatureMinMasks: number
  /** `mean`: over utterances, each divided by its number of labels; `sum`: plain sum. */
  readonly ctcLossReduction: 'mean' | 'sum'
  /** Whether utterances too short for their labels count as zero instead of making the loss infinite. */
  readonly ctcZeroInfinity: boolean
  /** Whether a classification head reads a learned average of all layers in place of the last one. */
  readonly useWeightedLayerSum: boolean
  /** Width of the projection in front of a classification head. */
  readonly classifierProjSize: number
  /**
   * The names of a classification head's classes, whose number decides its width; in `config.json` Hugging Face's `id2label` and `label2id`. Default: `LABEL_0` and
   * `LABEL_1`. `numberedLabels(n)` makes names where there are none.
   */
  readonly id2label: readonly string[]
  /** The CTC blank. */
  readonly padTokenId: number
  readonly bosTokenId: number | null
  readonly eosTokenId: number | null
  /**
   * What the group norm of `featExtractNorm: 'group'` averages over. `reference` (as Hugging Face and fairseq): the padding too, so an
   * utterance's features depend on what it is batched with. `masked`: the valid samples only, so they do not.
   */
  readonly groupNormPadding: 'reference' | 'masked'
  /** Whether features are brought to zero mean and unit variance before they are projected. Default true; DistilHuBERT does without. */
  readonly featProjLayerNorm?: boolean
  /**
   * Which frames of a padded utterance are its own. `convolution` (Hugging Face), the default: those that its samples make. `chunks` (fairseq's HuBERT): samples are cut
   * into as many equal chunks as there are frames, and a chunk with one valid sample counts; at times a frame more or less.
   */
  readonly framePadding?: 'convolution' | 'chunks'
  /** Keys of `config.json` that mean nothing to this package; they are written back as they were. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** What Hugging Face assumes for absent keys. */
export const speechEncoderDefaults: SpeechEncoderConfig = {
  vocabSize: 32,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  hiddenDropout: 0.1,
  activationDropout: 0.1,
  attentionDropout: 0.1,
  featProjDropout: 0,
  finalDropout: 0.1,
  layerdrop: 0.1,
  initializerRange: 0.02,
  layerNormEps: 1e-5,
  featExtractNorm: 'group',
  featExtractActivation: 'gelu',
  convDim: [512, 512, 512, 512, 512, 512, 512],
  convStride: [5, 2, 2, 2, 2, 2, 2],
  convKernel: [10, 3, 3, 3, 3, 2, 2],
  convBias: false,
  numConvPosEmbeddings: 128,
  numConvPosEmbeddingGroups: 16,
  doStableLayerNorm: false,
  applySpecAugment: true,
  maskTimeProb: 0.05,
  maskTimeLength: 10,
  maskTimeMinMasks: 2,
  maskFeatureProb: 0,
  maskFeatureLength: 10,
  maskFeatureMinMasks: 0,
  ctcLossReduction: 'sum',
  ctcZeroInfinity: false,
  useWeightedLayerSum: false,
  classifierProjSize: 256,
  id2label: numberedLabels(2),
  padTokenId: 0,
  bosTokenId: 1,
  eosTokenId: 2,
  groupNormPadding: 'reference',
  extra: {},
}

/** What each field may hold. */
export const speechEncoderRules: ConfigRules<SpeechEncoderConfig> = {
  vocabSize: integer(1),
  hiddenSize: integer(1),
  numHiddenLayers: integer(0),
  numAttentionHeads: integer(1),
  intermediateSize: integer(1),
  hiddenAct: oneOf('gelu'),
  hiddenDropout: fraction,
  activationDropout: fraction,
  attentionDropout: fraction,
  featProjDropout: fraction,
  finalDropout: fraction,
  layerdrop: fraction,
  initializerRange: weight,
  layerNormEps: positive,
  featExtractNorm: oneOf('group', 'layer'),
  featExtractActivation: oneOf('gelu'),
  convDim: wholeList,
  convStride: wholeList,
  convKernel: wholeList,
  convBias: oneOf(true, false),
  numConvPosEmbeddings: integer(1),
  numConvPosEmbeddingGroups: integer(1),
  doStableLayerNorm: oneOf(true, false),
  applySpecAugment: oneOf(true, false),
  maskTimeProb: weight,
  maskTimeLength: integer(1),
  maskTimeMinMasks: integer(0),
  maskFeatureProb: weight,
  maskFeatureLength: integer(1),
  maskFeatureMinMasks: integer(0),
  ctcLossReduction: oneOf('mean', 'sum'),
  ctcZeroInfinity: oneOf(true, false),
  useWeightedLayerSum: oneOf(true, false),
  classifierProjSize: integer(1),
  id2label: {
    expected: 'a list of the names of classes',
    allows: (value) => Array.isArray(value) && value.length > 0 && value.every((label) => typeof label === 'string'),
  },
  padTokenId: integer(0),
  bosTokenId: optionalInteger,
  eosTokenId: optionalInteger,
  groupNormPadding: oneOf('reference', 'masked'),
}

/** Fields of ours that are written only where they are not the default, as Hugging Face does not know them. */
export const speechEncoderUnwritten: Readonly<Record<string, unknown>> = {
  groupNormPadding: 'reference',
  framePadding: 'convolution',
  id2label: numberedLabels(2),
}

/** Refuses fields that do not go together. */
export const checkSpeechEncoder = (config: SpeechEncoderConfig, refuse: Refuse): void => {
  const { convDim, convStride, convKernel, hiddenSize } = config
  if (convStride.length !== convDim.length || convKernel.length !== convDim.length) {
    const lengths = `${convDim.length}, ${convStride.length} and ${convKernel.length}`
    refuse(
      'convDim',
      `convDim, convStride and convKernel have ${lengths} entries.`,
      'Give each one entry for every convolution.',
    )
  }
  checkMultiple(config, 'hiddenSize', 'numAttentionHeads', refuse)
  checkMultiple(config, 'hiddenSize', 'numConvPosEmbeddingGroups', refuse)
  if (config.padTokenId >= config.vocabSize) {
    const message = `padTokenId (${config.padTokenId}) is the CTC blank, but vocabSize is ${config.vocabSize}.`
    refuse('padTokenId', message, 'Choose a blank below vocabSize.')
  }
  if (config.maskFeatureProb > 0 && config.maskFeatureLength > hiddenSize) {
    const message = `maskFeatureLength (${config.maskFeatureLength}) is above hiddenSize (${hiddenSize}).`
    refuse('maskFeatureLength', message, 'Use shorter channel masks, or a maskFeatureProb of 0.')
  }
}

/** Refuses a width that does not divide into equal parts. */
export const checkMultiple = <Config>(
  config: Config,
  whole: keyof Config & string,
  parts: keyof Config & string,
  refuse: Refuse,
): void => {
  if ((config[whole] as number) % (config[parts] as number) === 0) return
  refuse(
    whole,
    `${whole} (${config[whole]}) is not a multiple of ${parts} (${config[parts]}).`,
    'Change one of the two.',
  )
}
