import {
  type ConfigRules,
  checkMultiple,
  checkSpeechEncoder,
  fieldRules,
  modelConfig,
  type SpeechEncoderConfig,
  speechEncoderDefaults,
  speechEncoderRules,
  speechEncoderUnwritten,
} from '@babble/core'

const { fraction, integer, positive, weight } = fieldRules

/**
 * The hyper-parameters of wav2vec 2.0 (Baevski et al. 2020, https://arxiv.org/abs/2006.11477), under the names of Hugging Face's
 * `config.json` in camelCase. Made by `wav2vec2Config` (defaults: the paper's BASE model in pre-training) and `readWav2Vec2Config`
 * (defaults: what Hugging Face assumes for a key that `config.json` lacks).
 */
export interface Wav2Vec2Config extends SpeechEncoderConfig {
  /** Dropout on the features that are quantised (fairseq's `dropout_features`). */
  readonly featQuantizerDropout: number
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
}

/** What Hugging Face assumes for absent keys. */
const huggingFaceDefaults: Wav2Vec2Config = {
  ...speechEncoderDefaults,
  featQuantizerDropout: 0,
  numCodevectorsPerGroup: 320,
  numCodevectorGroups: 2,
  contrastiveLogitsTemperature: 0.1,
  numNegatives: 100,
  codevectorDim: 256,
  projCodevectorDim: 256,
  diversityLossWeight: 0.1,
}

/** What each field may hold. */
export const configRules: ConfigRules<Wav2Vec2Config> = {
  ...speechEncoderRules,
  featQuantizerDropout: fraction,
  numCodevectorsPerGroup: integer(1),
  numCodevectorGroups: integer(1),
  contrastiveLogitsTemperature: positive,
  numNegatives: integer(1),
  codevectorDim: integer(1),
  projCodevectorDim: integer(1),
  diversityLossWeight: weight,
}

const family = modelConfig<Wav2Vec2Config>({
  modelType: 'wav2vec2',
  rules: configRules,
  defaults: huggingFaceDefaults,
  unwritten: speechEncoderUnwritten,
  notBuilt: { add_adapter: 'adapter layers', adapter_attn_dim: 'adapter layers' },
  floatKeys: ['contrastive_logits_temperature', 'diversity_loss_weight', 'initializer_range', 'layer_norm_eps'],
  check: (config, refuse) => {
    checkSpeechEncoder(config, refuse)
    checkMultiple(config, 'codevectorDim', 'numCodevectorGroups', refuse)
  },
})

/** The configuration of all classes, as a Hugging Face directory has it. */
export const wav2vec2Family = family.family

/** Reads the contents of a `config.json`: see `ModelConfig.read`. */
export const readWav2Vec2Config = family.read

/** The contents of `config.json`: see `ModelConfig.write`. */
export const writeWav2Vec2Config = family.write

/** The paper's BASE model in pre-training (section 4.2): 95 M parameters with its quantiser. */
export const wav2vec2Base = (overrides: Partial<Wav2Vec2Config> = {}): Wav2Vec2Config =>
  family.checked({
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
