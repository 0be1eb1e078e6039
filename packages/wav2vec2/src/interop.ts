import type { CheckpointFit, FromPretrainedOptions as CoreOptions, ModelFamily } from '@babble/core'
import { readWav2Vec2Config, type Wav2Vec2Config, wav2vec2Config, writeWav2Vec2Config } from './config'

export type FromPretrainedOptions = CoreOptions<Wav2Vec2Config>
export type { LoadReport, SavePretrainedOptions } from '@babble/core'

const basePrefix = 'wav2vec2.'

/** Part of a model only where its configuration masks; a checkpoint may have been saved with the other setting. */
const maskEmbedding = 'masked_spec_embed'

const pretrainingHeads = ['quantizer.', 'project_hid.', 'project_q.']

/** How each class takes checkpoints. */
export const checkpointFits = {
  Wav2Vec2Model: {
    basePrefix,
    initialised: [maskEmbedding],
    ignored: [...pretrainingHeads, 'lm_head.', 'projector.', 'classifier.', 'layer_weights', maskEmbedding],
  },
  Wav2Vec2ForPreTraining: { basePrefix, initialised: [maskEmbedding], ignored: [maskEmbedding] },
  Wav2Vec2ForCTC: {
    basePrefix,
    initialised: ['lm_head.', maskEmbedding],
    ignored: [...pretrainingHeads, maskEmbedding],
    cures: { 'lm_head.': 'For another vocabulary, load it with { newHead: true }.' },
  },
} satisfies Record<string, CheckpointFit>

/** Keys that Transformers takes for mistyped when they are written without a decimal point. */
const floatKeys = ['contrastive_logits_temperature', 'diversity_loss_weight', 'initializer_range', 'layer_norm_eps']

/** What `JSON.stringify` writes with a decimal point: 1 as `1.0`. */
const asFloat = (value: number): unknown => {
  const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown }
  return Number.isInteger(value) && rawJSON ? rawJSON(`${value}.0`) : value
}

/** The configuration of all classes, as a Hugging Face directory has it. */
export const wav2vec2Family: ModelFamily<Wav2Vec2Config> = {
  readConfig: readWav2Vec2Config,
  writeConfig: (config, architecture) => {
    const json = writeWav2Vec2Config(config, architecture)
    for (const key of floatKeys) json[key] = asFloat(json[key] as number)
    return json
  },
  override: (config, fields) => wav2vec2Config({ ...config, ...fields }),
}
