import { join } from 'node:path'
import {
  croppingNote,
  extractorFile,
  extractorText,
  Initializer,
  makeSchedule,
  objectiveEvaluator,
  openDataset,
  receptiveField,
  recordingCards,
  SpeechFeatureExtractor,
  type TrainingJob,
  type TrainingTask,
  writeFileAtomic,
} from '@babble/core'
import { codebookCollapseMonitor } from '../collapse-monitor'
import { wav2vec2Config, writeWav2Vec2Config } from '../config'
import { pretrainingBatches } from '../data/pretraining-batches'
import { Wav2Vec2ForPreTraining } from '../heads/pretraining'
import { Wav2Vec2PretrainingObjective } from '../objective'
import type { Wav2Vec2Size } from '../recipe'
import { type PretrainingSettings, pretrainingDefaults, pretrainingSchema, sizes } from './recipes'

/** Pre-training as in the paper's section 3.2, on recordings without labels. */
export const pretrainTask: TrainingTask<PretrainingSettings> = {
  summary: 'Contrastive pre-training on recordings without labels (section 3.2)',
  startsFrom: 'nothing',
  needsText: false,
  choices: { size: { values: Object.keys(sizes), default: 'base', description: 'size of the model' } },
  schema: pretrainingSchema,
  defaults: (choices) => pretrainingDefaults(choices.size as Wav2Vec2Size),

  async build(recipe, context): Promise<TrainingJob> {
    const config = wav2vec2Config(recipe.config)
    const { seed, maxSteps, gumbelTemperature, featureGradMult, featurePenaltyWeight } = recipe
    const { sampleRate, cropSamples, batchSamples, buckets, multipleOf } = recipe.data
    const selection = { sampleRate, minSamples: receptiveField(config) }
    const train = await openDataset(context.train, { ...selection, part: 'training' }, context)
    const valid = context.valid && (await openDataset(context.valid, { ...selection, part: 'held-out' }, context))
    const batching = { config, seed, cropSamples, maxSamples: batchSamples, buckets }
    const data = pretrainingBatches(train, { ...batching, multipleOf })
    const cropping = croppingNote(data.audioKept)
    if (cropping) context.note(cropping)
    const model = new Wav2Vec2ForPreTraining(config, new Initializer(seed))
    const objective = new Wav2Vec2PretrainingObjective(model, {
      gumbelTemperature,
      featureGradMult,
      featurePenaltyWeight,
    })
    const heldOut = valid && pretrainingBatches(valid, { ...batching, shuffle: false })
    const extractor = new SpeechFeatureExtractor({ samplingRate: sampleRate })
    return {
      model,
      objective,
      data,
      optimizer: recipe.optimizer,
      schedule: makeSchedule(recipe.schedule, maxSteps),
      ...(recipe.clipNorm === null ? {} : { clipNorm: recipe.clipNorm }),
      monitors: [codebookCollapseMonitor(config, { patience: Math.min(1000, Math.ceil(maxSteps / 2)) })],
      ...(heldOut ? { evaluate: objectiveEvaluator({ objective, data: heldOut, seed }) } : {}),
      modelConfig: writeWav2Vec2Config(config, 'Wav2Vec2ForPreTraining'),
      files: { [extractorFile]: extractorText(extractor) },
      samples: () => recordingCards(valid ?? train),
      save: async (directory) => {
        await model.savePretrained(directory)
        await writeFileAtomic(join(directory, extractorFile), extractorText(extractor))
      },
      dispose: () => {
        model.dispose()
        for (const dataset of [train, valid]) void dataset?.close?.()
      },
    }
  },
}
