import { type FairseqCheckpoint, type FairseqSettings, fairseqGroups, parseConvLayers } from '../checkpoint/index'
import { ConfigError } from '../errors'
import type { Refuse } from './model-config'

/** What fairseq assumes for settings of the encoder that an old checkpoint lacks. */
const defaults: FairseqSettings = {
  extractor_mode: 'default',
  encoder_layers: 12,
  encoder_embed_dim: 768,
  encoder_ffn_embed_dim: 3072,
  encoder_attention_heads: 12,
  activation_fn: 'gelu',
  dropout: 0.1,
  attention_dropout: 0.1,
  activation_dropout: 0,
  encoder_layerdrop: 0,
  dropout_input: 0,
  dropout_features: 0,
  final_dim: 0,
  layer_norm_first: false,
  conv_feature_layers: '[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]',
  conv_bias: false,
  logit_temp: 0.1,
  mask_length: 10,
  mask_prob: 0.65,
  mask_channel_length: 10,
  mask_channel_prob: 0,
  conv_pos: 128,
  conv_pos_groups: 16,
}

/** Settings that make another model, with the only values that are built. */
const required: readonly FairseqRequirement[] = [
  ['activation_fn', ['gelu']],
  ['layer_type', ['transformer', undefined]],
  ['pos_conv_depth', [1, undefined]],
  ['conv_pos_batch_norm', [false, undefined]],
  ['target_glu', [false, undefined]],
]

/** A fine-tuned model's own settings, which take the place of the pre-trained model's. */
const fineTuned = [
  'dropout',
  'attention_dropout',
  'activation_dropout',
  'dropout_input',
  'mask_length',
  'mask_prob',
  'mask_channel_length',
  'mask_channel_prob',
]

export type FairseqRequirement = readonly [key: string, allowed: readonly unknown[]]

export interface FairseqEncoderOptions {
  /** The model, in messages: `wav2vec 2.0`. */
  readonly model: string
  /** Its defaults beside those of the encoder. */
  readonly defaults?: FairseqSettings
  /** Settings that make another model, beside those of the encoder, with the only values that are built. */
  readonly required?: readonly FairseqRequirement[]
  /** Whether the checkpoint is of another model, by its tensors' names and the pre-trained model's settings. */
  readonly isOther: (names: readonly string[], model: FairseqSettings) => boolean
}

/** What a checkpoint of a model on the encoder of wav2vec 2.0 says of itself. */
export interface FairseqEncoder {
  /** The model's settings, with a fine-tuned model's own in their place. */
  readonly model: FairseqSettings
  /** The pre-training's. */
  readonly task: FairseqSettings
  readonly criterion: FairseqSettings
  /** Width in which predictions and targets are compared. */
  readonly finalDim: number
  /** Whether it was fine-tuned with CTC. */
  readonly ctc: boolean
  /** Whether waveforms are normalised to mean 0 and variance 1. */
  readonly normalize: boolean
  /** What all these models have in `config.json`, under its keys. */
  readonly json: Readonly<Record<string, unknown>>
  readonly refuse: Refuse
}

/**
 * The encoder's configuration in a fairseq checkpoint, pre-trained or fine-tuned with CTC, of any version.
 *
 * @throws ConfigError for other models and for settings that are not built, naming them.
 */
export const readFairseqEncoder = (
  { settings, tensors, path }: FairseqCheckpoint,
  options: FairseqEncoderOptions,
): FairseqEncoder => {
  const refuse: Refuse = (field, message, cure) => {
    throw new ConfigError(message, { file: path, field, cure })
  }
  const names = [...tensors.entries.keys()]
  const ctc = names.some((name) => name.startsWith('w2v_encoder.'))
  if (!names.some((name) => name.endsWith('encoder.pos_conv.0.weight_g'))) {
    refuse(
      'model',
      `the checkpoint is not of ${options.model}, or not of a kind that is built.`,
      'Load it with the package of its model.',
    )
  }
  const inner = ctc ? fairseqGroups(settings.model.w2v_args, path) : settings
  if (names.some((name) => name.startsWith('decoder.')) || options.isOther(names, inner.model)) {
    refuse(
      'model',
      'the checkpoint is of another model on the same encoder.',
      'Load it with the package of that model.',
    )
  }
  const overrides = Object.fromEntries(
    Object.entries(ctc ? settings.model : {}).flatMap(([key, value]) => {
      if (key === 'layerdrop') return [['encoder_layerdrop', value]]
      return fineTuned.includes(key) ? [[key, value]] : []
    }),
  )
  const model: FairseqSettings = { ...defaults, ...options.defaults, ...inner.model, ...overrides }
  for (const [key, allowed] of [...required, ...(options.required ?? [])]) {
    if (!allowed.includes(model[key]))
      refuse(key, `${key} is ${shown(model[key])}, which is not built.`, 'Use another checkpoint.')
  }
  const text = model.conv_feature_layers
  const layers = typeof text === 'string' ? parseConvLayers(text) : undefined
  if (!layers)
    return refuse(
      'conv_feature_layers',
      `conv_feature_layers is ${shown(text)}.`,
      'It must be lists of (channels, kernel, stride).',
    )
  const masks = !ctc || settings.model.apply_mask === true
  const head = tensors.entries.get('w2v_encoder.proj.weight')
  const json = {
    hidden_size: model.encoder_embed_dim,
    num_hidden_layers: model.encoder_layers,
    num_attention_heads: model.encoder_attention_heads,
    intermediate_size: model.encoder_ffn_embed_dim,
    hidden_act: 'gelu',
    hidden_dropout: model.dropout,
    activation_dropout: model.activation_dropout,
    attention_dropout: model.attention_dropout,
    feat_proj_dropout: model.dropout_input,
    final_dropout: ctc ? (settings.model.final_dropout ?? 0) : 0,
    layerdrop: model.encoder_layerdrop,
    feat_extract_norm: model.extractor_mode === 'layer_norm' ? 'layer' : 'group',
    conv_dim: layers.map(({ channels }) => channels),
    conv_kernel: layers.map(({ kernel }) => kernel),
    conv_stride: layers.map(({ stride }) => stride),
    conv_bias: model.conv_bias,
    num_conv_pos_embeddings: model.conv_pos,
    num_conv_pos_embedding_groups: model.conv_pos_groups,
    do_stable_layer_norm: model.layer_norm_first,
    mask_time_prob: masks ? model.mask_prob : 0,
    mask_time_length: model.mask_length,
    mask_feature_prob: masks ? model.mask_channel_prob : 0,
    mask_feature_length: model.mask_channel_length,
    ctc_loss_reduction: 'sum',
    ctc_zero_infinity: ctc && settings.criterion.zero_infinity === true,
    ...(head ? { vocab_size: head.shape[0] } : {}),
    // fairseq's blank is its symbol <s>, id 0, which Hugging Face calls <pad>; the two change places.
    pad_token_id: 0,
    bos_token_id: 1,
    eos_token_id: 2,
  }
  return {
    model,
    task: inner.task,
    criterion: inner.criterion,
    finalDim: positive(model.final_dim) ?? (model.encoder_embed_dim as number),
    ctc,
    normalize: (inner.task.normalize ?? settings.task.normalize) === true,
    json,
    refuse,
  }
}

/** A setting in a message; what a file holds in its place may be anything. */
const shown = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 200))
  return typeof value === 'object' && value !== null ? 'no plain value' : String(value)
}

const positive = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined)
