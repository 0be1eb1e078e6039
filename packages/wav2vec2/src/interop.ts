import type { CheckpointFit, FromPretrainedOptions as CoreOptions } from '@babble/core'
import type { Wav2Vec2Config } from './config'

export type FromPretrainedOptions = CoreOptions<Wav2Vec2Config>
export type { LoadReport, SavePretrainedOptions } from '@babble/core'

const basePrefix = 'wav2vec2.'

/** Part of a model only where its configuration masks; a checkpoint may have been saved with the other setting. */
const maskEmbedding = 'masked_spec_embed'

const pretrainingHeads = ['quantizer.', 'project_hid.', 'project_q.']
const classificationHead = ['projector.', 'classifier.', 'layer_weights']

/** How each class takes checkpoints. */
export const checkpointFits = {
  Wav2Vec2Model: {
    basePrefix,
    initialised: [maskEmbedding],
    ignored: [...pretrainingHeads, ...classificationHead, 'lm_head.', maskEmbedding],
  },
  Wav2Vec2ForPreTraining: { basePrefix, initialised: [maskEmbedding], ignored: [maskEmbedding] },
  Wav2Vec2ForCTC: {
    basePrefix,
    initialised: ['lm_head.', maskEmbedding],
    ignored: [...pretrainingHeads, maskEmbedding],
    cures: { 'lm_head.': 'For another vocabulary, load it with { newHead: true }.' },
  },
  Wav2Vec2ForSequenceClassification: {
    basePrefix,
    initialised: [...classificationHead, maskEmbedding],
    ignored: [...pretrainingHeads, 'lm_head.', maskEmbedding],
    cures: {
      'projector.': 'Give the classifierProjSize that it was made with, or load it with { newHead: true }.',
      'classifier.': 'For other classes, load it with { newHead: true }.',
    },
  },
} satisfies Record<string, CheckpointFit>
