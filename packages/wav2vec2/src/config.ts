import { ConfigError } from '@babble/core'
import {
  checkField,
  type FieldRule,
  fraction,
  integer,
  oneOf,
  optionalInteger,
  positive,
  weight,
  wholeList,
} from './config-rules'

/**
 * The hyper-parameters of wav2vec 2.0 (Baevski et al. 2020, https://arxiv.org/abs/2006.11477), under the names of Hugging Face's
 * `config.json` in camelCase. Made by `wav2vec2Config` (defaults: the paper's BASE model in pre-training) and `readWav2Vec2Config`
 * (defaults: what Hugging Face assumes for a key that `config.json` lacks).
 */
export interface Wav2Vec2Config {
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
  /** Dropout on the features that are quantised (fairseq's `dropout_features`). */
  readonly featQuantizerDropout: number
  /** Dropout before the CTC head. */
  readonly finalDropout: number
  /** Probability that a Transformer block is skipped in training (LayerDrop). */
  readonly layerdrop: number
  /** Standard deviation of the initial linear weights. */
  readonly initializerRange: number
  readonly layerNormEps: number
  /** `group`: group norm after the first convolution (BASE); `layer`: layer norm after each (LARGE on LV-60k). */
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
  /** Share of frames that would be masked if spans did not overlap: the paper's p = 0.065 span starts times M = 10. */
  readonly maskTimeProb: number
  /** Frames in a masked span (the paper's M). */
  readonly maskTimeLength: number
  /** Least number of masked spans in an utterance. */
  readonly maskTimeMinMasks: number
  /** The same over feature channels, which are set to zero (fine-tuning). */
  readonly maskFeatureProb: number
  readonly maskFeatureLength: number
  readonly maskFeatureMinMasks: number
  /** Entries of a codebook (the paper's V). */
  readonly numCodevectorsPerGroup: number
  /** Codebooks (the paper's G). */
  readonly numCodevectorGroups: number
  /** The contrastive loss's temperature (the paper's kappa). */
  readonly contrastiveLogitsTemperature: number
  /** Distractors for each masked frame (the paper's K). */
  readonly numNegatives: number
  /** Width of the quantised vectors, all codebooks together. */
  readonly codevectorDim: number
  /** Width in which context and targets are compared. */
  readonly projCodevectorDim: number
  /** Weight of the diversity loss (the paper's alpha). */
  readonly diversityLossWeight: number
  /** `mean`: over utterances, each divided by its number of labels; `sum`: plain sum. */
  readonly ctcLossReduction: 'mean' | 'sum'
  /** Whether utterances too short for their labels count as zero instead of making the loss infinite. */
  readonly ctcZeroInfinity: boolean
  /** The CTC blank. */
  readonly padTokenId: number
  readonly bosTokenId: number | null
  readonly eosTokenId: number | null
  /**
   * What the group norm of `featExtractNorm: 'group'` averages over. `reference` (as Hugging Face and fairseq): the padding too, so an
   * utterance's features depend on what it is batched with. `masked`: the valid samples only, so they do not.
   */
  readonly groupNormPadding: 'reference' | 'masked'
  /** Keys of `config.json` that mean nothing to this package; they are written back as they were. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** What Hugging Face assumes for absent keys. */
const huggingFaceDefaults: Wav2Vec2Config = {
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
  featQuantizerDropout: 0,
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
  numCodevectorsPerGroup: 320,
  numCodevectorGroups: 2,
  contrastiveLogitsTemperature: 0.1,
  numNegatives: 100,
  codevectorDim: 256,
  projCodevectorDim: 256,
  diversityLossWeight: 0.1,
  ctcLossReduction: 'sum',
  ctcZeroInfinity: false,
  padTokenId: 0,
  bosTokenId: 1,
  eosTokenId: 2,
  groupNormPadding: 'reference',
  extra: {},
}

/** What each field may hold. */
export const configRules: { readonly [Field in Exclude<keyof Wav2Vec2Config, 'extra'>]: FieldRule } = {
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
  featQuantizerDropout: fraction,
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
  numCodevectorsPerGroup: integer(1),
  numCodevectorGroups: integer(1),
  contrastiveLogitsTemperature: positive,
  numNegatives: integer(1),
  codevectorDim: integer(1),
  projCodevectorDim: integer(1),
  diversityLossWeight: weight,
  ctcLossReduction: oneOf('mean', 'sum'),
  ctcZeroInfinity: oneOf(true, false),
  padTokenId: integer(0),
  bosTokenId: optionalInteger,
  eosTokenId: optionalInteger,
  groupNormPadding: oneOf('reference', 'masked'),
}

/** The paper's BASE model in pre-training (section 4.2): 95 M parameters with its quantiser. */
export const wav2vec2Base = (overrides: Partial<Wav2Vec2Config> = {}): Wav2Vec2Config =>
  checked({
    ...huggingFaceDefaults,
    activationDropout: 0,
    featProjDropout: 0.1,
    featQuantizerDropout: 0.1,
    finalDropout: 0,
    layerdrop: 0.05,
    maskTimeProb: 0.65,
    ...overrides,
  })

/** A configuration: the paper's BASE model in pre-training, with the given fields in place of its own. */
export const wav2vec2Config = wav2vec2Base

/**
 * The LARGE model as trained on LibriVox (LV-60k), 317 M parameters with its quantiser: layer norm in the waveform encoder, norms
 * before attention, no dropout.
 */
export const wav2vec2Large = (overrides: Partial<Wav2Vec2Config> = {}): Wav2Vec2Config =>
  wav2vec2Base({
    hiddenSize: 1024,
    numHiddenLayers: 24,
    numAttentionHeads: 16,
    intermediateSize: 4096,
    featExtractNorm: 'layer',
    convBias: true,
    doStableLayerNorm: true,
    codevectorDim: 768,
    projCodevectorDim: 768,
    hiddenDropout: 0,
    attentionDropout: 0,
    featProjDropout: 0,
    featQuantizerDropout: 0,
    layerdrop: 0,
    ...overrides,
  })

/** A model of the BASE shape that trains in minutes on a laptop's CPU: the same 20 ms frames, 0.66 M parameters with its quantiser. */
export const wav2vec2Tiny = (overrides: Partial<Wav2Vec2Config> = {}): Wav2Vec2Config =>
  wav2vec2Base({
    hiddenSize: 128,
    numHiddenLayers: 3,
    numAttentionHeads: 4,
    intermediateSize: 384,
    convDim: [64, 64, 64, 64, 64, 64, 64],
    numConvPosEmbeddings: 32,
    numConvPosEmbeddingGroups: 8,
    layerdrop: 0,
    numCodevectorsPerGroup: 32,
    numNegatives: 50,
    codevectorDim: 64,
    projCodevectorDim: 64,
    ...overrides,
  })

/**
 * Reads the contents of a `config.json`. Keys that mean nothing here are kept in `extra`.
 *
 * @param file named in errors.
 * @throws ConfigError naming the key and what to do, for values out of range and for parts that are not built (adapters).
 */
export const readWav2Vec2Config = (json: Readonly<Record<string, unknown>>, file?: string): Wav2Vec2Config => {
  const type = json.model_type
  if (type !== undefined && type !== 'wav2vec2') {
    throw new ConfigError(`model_type is ${JSON.stringify(type)}, not "wav2vec2".`, {
      file,
      field: 'model_type',
      cure: 'Load the directory with the package of that model.',
    })
  }
  for (const key of ['add_adapter', 'adapter_attn_dim']) {
    if (json[key]) {
      throw new ConfigError(`${key} is ${JSON.stringify(json[key])}, but adapter layers are not built.`, {
        file,
        field: key,
        cure: 'Use a checkpoint without adapters.',
      })
    }
  }
  const fields: Record<string, unknown> = {}
  const extra: Record<string, unknown> = {}
  const known = new Map(Object.keys(configRules).map((field) => [jsonKey(field), field]))
  for (const [key, value] of Object.entries(json)) {
    const field = known.get(key)
    if (field === undefined) extra[key] = value
    else fields[field] = value
  }
  return checked({ ...huggingFaceDefaults, ...fields, extra }, file)
}

/**
 * The contents of `config.json`, in which Hugging Face Transformers finds the same model. Keys that were read and not understood are
 * as they were.
 *
 * @param architecture the class to be named in it, such as `Wav2Vec2ForCTC`.
 */
export const writeWav2Vec2Config = (config: Wav2Vec2Config, architecture?: string): Record<string, unknown> => {
  const { extra, groupNormPadding, ...fields } = config
  const json: Record<string, unknown> = { ...extra }
  for (const [field, value] of Object.entries(fields)) json[jsonKey(field)] = value
  if (groupNormPadding !== 'reference') json.group_norm_padding = groupNormPadding
  json.model_type = 'wav2vec2'
  json.num_feat_extract_layers = config.convDim.length
  if (architecture !== undefined) json.architectures = [architecture]
  return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** `maskTimeProb` -> `mask_time_prob`. */
const jsonKey = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** The configuration itself, if all is well with it. */
const checked = (config: Wav2Vec2Config, file?: string): Wav2Vec2Config => {
  for (const [field, value] of Object.entries(config)) {
    if (field === 'extra') continue
    const rule = (configRules as Readonly<Record<string, FieldRule>>)[field]
    if (!rule) {
      throw new ConfigError(`there is no field "${field}".`, {
        file,
        field,
        cure: `Fields are ${Object.keys(configRules).join(', ')}.`,
      })
    }
    checkField(field, value, rule, file)
  }
  const { convDim, convStride, convKernel, hiddenSize } = config
  const refuse = (field: keyof Wav2Vec2Config, message: string, cure: string): never => {
    throw new ConfigError(message, { file, field, cure })
  }
  if (convStride.length !== convDim.length || convKernel.length !== convDim.length) {
    const lengths = `${convDim.length}, ${convStride.length} and ${convKernel.length}`
    refuse(
      'convDim',
      `convDim, convStride and convKernel have ${lengths} entries.`,
      'Give each one entry for every convolution.',
    )
  }
  const divides = (whole: keyof Wav2Vec2Config, parts: keyof Wav2Vec2Config) => {
    if ((config[whole] as number) % (config[parts] as number) !== 0) {
      refuse(
        whole,
        `${whole} (${config[whole]}) is not a multiple of ${parts} (${config[parts]}).`,
        'Change one of the two.',
      )
    }
  }
  divides('hiddenSize', 'numAttentionHeads')
  divides('hiddenSize', 'numConvPosEmbeddingGroups')
  divides('codevectorDim', 'numCodevectorGroups')
  if (config.padTokenId >= config.vocabSize) {
    const message = `padTokenId (${config.padTokenId}) is the CTC blank, but vocabSize is ${config.vocabSize}.`
    refuse('padTokenId', message, 'Choose a blank below vocabSize.')
  }
  if (config.maskFeatureProb > 0 && config.maskFeatureLength > hiddenSize) {
    const message = `maskFeatureLength (${config.maskFeatureLength}) is above hiddenSize (${hiddenSize}).`
    refuse('maskFeatureLength', message, 'Use shorter channel masks, or a maskFeatureProb of 0.')
  }
  return Object.freeze({ ...config })
}
