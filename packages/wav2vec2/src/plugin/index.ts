import { ctcFinetuning, loadCtcRecognizer, loadLayerFeatures, type ModelPlugin, unitsCommand } from '@babble/core'
import { type Wav2Vec2Config, writeWav2Vec2Config } from '../config'
import { Wav2Vec2ForCTC } from '../heads/ctc'
import { Wav2Vec2Model } from '../model'
import { codebooksCommand } from './codebooks'
import { pretrainTask } from './pretrain'
import { finetuningDefaults, finetuningSchema, sizes } from './recipes'

/** Fine-tuning with CTC as in the paper's section 3.3, of a pre-trained model, on transcribed recordings. */
const finetuneTask = ctcFinetuning({
  summary: 'Speech recognition with CTC on transcribed recordings (section 3.3)',
  sizes: Object.keys(sizes),
  defaultSize: 'base',
  schema: finetuningSchema,
  defaults: finetuningDefaults,
  basePrefix: 'wav2vec2.',
  load: (directory, options) => Wav2Vec2ForCTC.fromPretrained(directory, options),
  configJson: (config) => writeWav2Vec2Config(config as Wav2Vec2Config, 'Wav2Vec2ForCTC'),
})

/** Features of a layer. Group norm leaves padding out: a recording's features must not depend on those that it is extracted with. */
const loadFeatures: NonNullable<ModelPlugin['loadFeatures']> = (directory, options) =>
  loadLayerFeatures(
    'wav2vec2',
    (path) => Wav2Vec2Model.fromPretrained(path, { config: { groupNormPadding: 'masked' } }),
    directory,
    options,
  )

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
  loadRecognizer: (directory, options) =>
    loadCtcRecognizer((path) => Wav2Vec2ForCTC.fromPretrained(path), directory, options),
  loadFeatures,
  commands: [codebooksCommand, unitsCommand('wav2vec2', loadFeatures)],
}
