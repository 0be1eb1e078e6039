import type { CheckpointFit, FromPretrainedOptions as CoreOptions } from '@babble/core'
import type { Wav2Vec2Config } from './config'

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
