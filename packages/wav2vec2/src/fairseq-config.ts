import { type FairseqCheckpoint, readFairseqEncoder } from '@babble/core'
import { readWav2Vec2Config, type Wav2Vec2Config } from './config'

/** What a fairseq checkpoint of wav2vec 2.0 says of itself. */
export interface FairseqWav2Vec2 {
  readonly config: Wav2Vec2Config
  /** Whether it was fine-tuned with CTC. */
  readonly ctc: boolean
  /** Whether waveforms are normalised to mean 0 and variance 1. */
  readonly normalize: boolean
}

/**
 * The configuration of a fairseq checkpoint, pre-trained (`wav2vec2`) or fine-tuned with CTC (`wav2vec_ctc`), of any version.
 *
 * @throws ConfigError for other models and for settings that are not built, naming them.
 */
export const readFairseqConfig = (checkpoint: FairseqCheckpoint): FairseqWav2Vec2 => {
  const { model, criterion, finalDim, ctc, normalize, json } = readFairseqEncoder(checkpoint, {
    model: 'wav2vec 2.0',
    // What fairseq's `Wav2Vec2Config` assumes.
    defaults: { latent_vars: 320, latent_groups: 2, latent_dim: 0, num_negatives: 100 },
    required: [
      ['quantizer_depth', [1, undefined]],
      ['quantize_input', [false, undefined]],
      ['same_quantizer', [false, undefined]],
    ],
    isOther: (names) => names.some((name) => name.startsWith('label_embs_concat')),
  })
  const config = readWav2Vec2Config(
    {
      ...json,
      model_type: 'wav2vec2',
      feat_quantizer_dropout: model.dropout_features,
      num_codevectors_per_group: model.latent_vars,
      num_codevector_groups: model.latent_groups,
      contrastive_logits_temperature: model.logit_temp,
      num_negatives: model.num_negatives,
      codevector_dim: typeof model.latent_dim === 'number' && model.latent_dim > 0 ? model.latent_dim : finalDim,
      proj_codevector_dim: finalDim,
      diversity_loss_weight: firstNumber(criterion.loss_weights) ?? 0.1,
    },
    checkpoint.path,
  )
  return { config, ctc, normalize }
}

/** The first of a list of numbers, which old checkpoints have as text. */
const firstNumber = (value: unknown): number | undefined => {
  const first = Array.isArray(value)
    ? value[0]
    : typeof value === 'string'
      ? Number(/^\[?\s*([\d.eE+-]+)/.exec(value)?.[1])
      : undefined
  return typeof first === 'number' && Number.isFinite(first) ? first : undefined
}
