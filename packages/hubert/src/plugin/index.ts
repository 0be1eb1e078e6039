import { ctcFinetuning, loadCtcRecognizer, type ModelPlugin, unitsCommand } from '@babble/core'
import { type HubertConfig, writeHubertConfig } from '../config'
import { loadHubertFeatures } from '../features'
import { HubertForCTC } from '../heads/ctc'
import { pretrainTask } from './pretrain'
import { recipeCommand } from './recipe-command'
import { finetuningDefaults, finetuningSchema, sizes } from './recipes'

/** Fine-tuning with CTC as in the paper's section IV-D, of a pre-trained model, on transcribed recordings. */
const finetuneTask = ctcFinetuning({
  summary: 'Speech recognition with CTC on transcribed recordings (section IV-D)',
  sizes: Object.keys(sizes),
  defaultSize: 'base',
  schema: finetuningSchema,
  defaults: finetuningDefaults,
  basePrefix: 'hubert.',
  load: (directory, options) => HubertForCTC.fromPretrained(directory, options),
  configJson: (config) => writeHubertConfig(config as HubertConfig, 'HubertForCTC'),
})

/** What this package offers to the `babble` command. */
export const plugin: ModelPlugin = {
  name: 'hubert',
  title: 'HuBERT',
  paper: {
    title: 'HuBERT: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden Units',
    authors: 'Hsu et al. 2021',
    url: 'https://arxiv.org/abs/2106.07447',
  },
  sizes,
  pretrain: pretrainTask as NonNullable<ModelPlugin['pretrain']>,
  finetune: finetuneTask as NonNullable<ModelPlugin['finetune']>,
  modelTypes: ['hubert'],
  loadRecognizer: (directory, options) =>
    loadCtcRecognizer((path) => HubertForCTC.fromPretrained(path), directory, options),
  loadFeatures: loadHubertFeatures,
  commands: [recipeCommand, unitsCommand('hubert', loadHubertFeatures)],
}
