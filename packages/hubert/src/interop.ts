import type { CheckpointFit, FromPretrainedOptions as CoreOptions } from '@babble/core'
import type { HubertConfig } from './config'

export type FromPretrainedOptions = CoreOptions<HubertConfig>

const basePrefix = 'hubert.'

/** Part of a model only where its configuration masks; a checkpoint may have been saved with the other setting. */
const maskEmbedding = 'masked_spec_embed'

const pretrainingHeads = ['final_proj.', 'label_embs_concat']
const classificationHead = ['projector.', 'classifier.', 'layer_weights']

/** How each class takes checkpoints. */
export const checkpointFits = {
  HubertModel: {
    basePrefix,
    initialised: [maskEmbedding],
    ignored: [...pretrainingHeads, ...classificationHead, 'lm_head.', maskEmbedding],
  },
  HubertForPreTraining: {
    basePrefix,
    initialised: [maskEmbedding, ...pretrainingHeads],
    ignored: [...classificationHead, 'lm_head.', maskEmbedding],
    cures: {
      final_proj: 'For other labels, load it with { newHead: true }.',
      label_embs_concat: 'For other labels, load it with { newHead: true }.',
    },
  },
  HubertForCTC: {
    basePrefix,
    initialised: ['lm_head.', maskEmbedding],
    ignored: [...pretrainingHeads, ...classificationHead, maskEmbedding],
    cures: { 'lm_head.': 'For another vocabulary, load it with { newHead: true }.' },
  },
  HubertForSequenceClassification: {
    basePrefix,
    initialised: [...classificationHead, maskEmbedding],
    ignored: [...pretrainingHeads, 'lm_head.', maskEmbedding],
    cures: {
      'projector.': 'Give the classifierProjSize that it was made with, or load it with { newHead: true }.',
      'classifier.': 'For other classes, load it with { newHead: true }.',
    },
  },
} satisfies Record<string, CheckpointFit>
