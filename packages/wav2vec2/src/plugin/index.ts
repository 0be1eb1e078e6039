import type { ModelPlugin } from '@babble/core'
import { codebooksCommand } from './codebooks'
import { loadFeatures } from './features'
import { finetuneTask } from './finetune'
import { pretrainTask } from './pretrain'
import { sizes } from './recipes'
import { loadRecognizer } from './recognizer'

/** What this package offers to the `babble` command. */
export const plugin: ModelPlugin = {
  name: 'wav2vec2',
  title: 'wav2vec 2.0',
  paper: {
    title: 'wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations',
    authors: 'Baevski et al. 2020',
    url: 'https://arxiv.org/abs/2006.11477',
  },
  sizes,
  pretrain: pretrainTask as NonNullable<ModelPlugin['pretrain']>,
  finetune: finetuneTask as NonNullable<ModelPlugin['finetune']>,
  modelTypes: ['wav2vec2'],
  loadRecognizer,
  loadFeatures,
  commands: [codebooksCommand],
}
