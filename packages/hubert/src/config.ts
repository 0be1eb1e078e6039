import {
  type ConfigRules,
  checkSpeechEncoder,
  fieldRules,
  modelConfig,
  type SpeechEncoderConfig,
  speechEncoderDefaults,
  speechEncoderRules,
  speechEncoderUnwritten,
} from '@babble/core'

const { integer, oneOf, positive } = fieldRules

/**
 * The hyper-parameters of HuBERT (Hsu et al. 2021, https://arxiv.org/abs/2106.07447), under the names of Hugging Face's `config.json` in camelCase, with
 * those of pre-training, which Hugging Face does not have, after fairseq's. Made by `hubertConfig` (defaults: the paper's BASE model in pre-training) and
 * `readHubertConfig` (defaults: what Hugging Face assumes for a key that `config.json` lacks).
 */
export interface HubertConfig extends SpeechEncoderConfig {
  /** Whether features are brought to zero mean and unit variance before they are projected; DistilHuBERT does without. */
  readonly featProjLayerNorm: boolean
  /** Clusters of each label set that is predicted in pre-training; none in a model that is not pre-trained here. */
  readonly numClasses: readonly number[]
  /** Width in which frames and clusters are compared. */
  readonly finalDim: number
  /** A projection of its own for each label set. */
  readonly untieFinalProj: boolean
  /** What the cosine similarity is divided by (the paper's tau). */
  readonly logitTemperature: number
  /** Labels a second: 100 for clusters of MFCC, 50 for those of a layer. */
  readonly labelRate: number
  /** Hz of the waveforms. */
  readonly samplingRate: number
}

/** Fields of pre-training. */
const pretrainingDefaults = {
  numClasses: [] as readonly number[],
  finalDim: 256,
  untieFinalProj: false,
  logitTemperature: 0.1,
  labelRate: 50,
  samplingRate: 16_000,
}

/** What Hugging Face assumes for absent keys. */
const huggingFaceDefaults: HubertConfig = { ...speechEncoderDefaults, featProjLayerNorm: true, ...pretrainingDefaults }

/** What each field may hold. */
export const configRules: ConfigRules<HubertConfig> = {
  ...speechEncoderRules,
  framePadding: oneOf('convolution', 'chunks'),
  featProjLayerNorm: oneOf(true, false),
  numClasses: {
    expected: 'a list of whole numbers of at least 1',
    allows: (value) => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 1),
  },
  finalDim: integer(1),
  untieFinalProj: oneOf(true, false),
  logitTemperature: positive,
  labelRate: positive,
  samplingRate: integer(1),
}

const family = modelConfig<HubertConfig>({
  modelType: 'hubert',
  rules: configRules,
  defaults: huggingFaceDefaults,
  unwritten: { ...speechEncoderUnwritten, ...pretrainingDefaults },
  notBuilt: {
    conv_pos_batch_norm: 'position embeddings with batch norm',
    adapter_attn_dim: 'adapter layers',
  },
  floatKeys: ['initializer_range', 'layer_norm_eps'],
  check: checkSpeechEncoder,
})

/** The configuration of all classes, as a Hugging Face directory has it. */
export const hubertFamily = family.family

/** Reads the contents of a `config.json`: see `ModelConfig.read`. */
export const readHubertConfig = family.read

/** The contents of `config.json`: see `ModelConfig.write`. Fields of pre-training are written where they are not the defaults. */
export const writeHubertConfig = family.write

/** The paper's BASE model in pre-training (section IV-C): 95 M parameters. `numClasses` must be given before it can be pre-trained. */
export const hubertBase = (overrides: Partial<HubertConfig> = {}): HubertConfig =>
  family.checked({
    ...huggingFaceDefaults,
    activationDropout: 0,
    featProjDropout: 0.1,
    finalDropout: 0,
    layerdrop: 0.05,
    maskTimeProb: 0.8,
    untieFinalProj: true,
    ...overrides,
  })

/** A configuration: the paper's BASE model in pre-training, with the given fields in place of its own. */
export const hubertConfig = hubertBase

/** What LARGE and X-LARGE have in common: layer norm in the waveform encoder, norms before attention, no dropout. */
const librivox: Partial<HubertConfig> = {
  featExtractNorm: 'layer',
  doStableLayerNorm: true,
  hiddenDropout: 0,
  attentionDropout: 0,
  featProjDropout: 0,
  layerdrop: 0,
  numAttentionHeads: 16,
}

/** The paper's LARGE model, 317 M parameters. */
export const hubertLarge = (overrides: Partial<HubertConfig> = {}): HubertConfig =>
  hubertBase({
    ...librivox,
    hiddenSize: 1024,
    numHiddenLayers: 24,
    intermediateSize: 4096,
    finalDim: 768,
    ...overrides,
  })

/** The paper's X-LARGE model, 964 M parameters. */
export const hubertXLarge = (overrides: Partial<HubertConfig> = {}): HubertConfig =>
  hubertBase({
    ...librivox,
    hiddenSize: 1280,
    numHiddenLayers: 48,
    intermediateSize: 5120,
    finalDim: 1024,
    ...overrides,
  })

/** A model of the BASE shape that trains in minutes on a laptop's CPU: the same 20 ms frames, 0.6 M parameters. */
export const hubertTiny = (overrides: Partial<HubertConfig> = {}): HubertConfig =>
  hubertBase({
    hiddenSize: 128,
    numHiddenLayers: 3,
    numAttentionHeads: 4,
    intermediateSize: 384,
    convDim: [64, 64, 64, 64, 64, 64, 64],
    numConvPosEmbeddings: 32,
    numConvPosEmbeddingGroups: 8,
    layerdrop: 0,
    finalDim: 64,
    ...overrides,
  })
