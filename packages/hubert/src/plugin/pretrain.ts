import { join } from 'node:path'
import {
  ConfigError,
  croppingNote,
  DataError,
  extractorFile,
  extractorText,
  type FrameLabels,
  Initializer,
  type Manifest,
  makeSchedule,
  objectiveEvaluator,
  openFrameLabels,
  openWholeDataset,
  recordingCards,
  SpeechFeatureExtractor,
  type TrainingContext,
  type TrainingJob,
  type TrainingTask,
  writeFileAtomic,
} from '@babble/core'
import { type HubertConfig, hubertConfig, writeHubertConfig } from '../config'
import { type HubertPretrainingSource, hubertPretrainingBatches } from '../data/pretraining-batches'
import { HubertForPreTraining } from '../heads/pretraining'
import { HubertPretrainingObjective } from '../objective'
import { type HubertSize, usualIteration } from '../recipe'
import {
  type LabelSource,
  labelSources,
  type PretrainingSettings,
  pretrainingDefaults,
  pretrainingSchema,
  sizes,
} from './recipes'

/** All files of labels that a recipe names. @throws ConfigError when there are none, or too few. */
const labelFiles = ({ labels, validLabels }: PretrainingSettings): readonly string[] => {
  if (labels.length === 0) {
    throw new ConfigError('there are no labels to predict.', {
      field: 'labels',
      cure: 'Make them with "babble cluster apply", and name the file with --labels; or see "babble hubert recipe".',
    })
  }
  if (validLabels.length > 0 && validLabels.length !== labels.length) {
    throw new ConfigError(
      `${validLabels.length} files of labels for held-out recordings, ${labels.length} for training.`,
      { field: 'validLabels', cure: 'Give one for each set of clusters.' },
    )
  }
  return [...labels, ...validLabels]
}

/** Files of labels, one for each set of clusters. */
const openLabels = async (paths: readonly string[], context: TrainingContext): Promise<FrameLabels[]> => {
  const opened: FrameLabels[] = []
  try {
    for (const path of paths) {
      const labels = await openFrameLabels(context.path(path), context.signal ? { signal: context.signal } : {})
      opened.push(labels)
      if (labels.largest < 0) {
        throw new DataError('it holds no label.', {
          file: labels.path,
          field: 'labels',
          cure: 'Make it with "babble cluster apply".',
        })
      }
    }
    return opened
  } catch (error) {
    for (const labels of opened) await labels.close()
    throw error
  }
}

/** How many clusters each set of labels has: as the recipe says, else as many as occur. */
const classesOf = (recipe: PretrainingSettings, sets: readonly (readonly FrameLabels[])[]): readonly number[] =>
  recipe.config.numClasses ??
  recipe.labels.map((_, set) => Math.max(...sets.map((labels) => (labels[set]?.largest ?? -1) + 1)))

/** Says what batches leave out. */
const noteLeftOut = (source: HubertPretrainingSource, part: string, { note }: Pick<TrainingContext, 'note'>): void => {
  const { recordings, unfit, mislabelled, descriptions, audioKept } = source
  const all = recordings + unfit + mislabelled
  const cropping = croppingNote(audioKept)
  if (cropping) note(cropping)
  if (unfit > 0) note(`Left out ${unfit} of ${all} ${part} recordings for their length.`)
  if (mislabelled === 0) return
  const more = mislabelled > 3 ? `, the first 3 of which are:` : ':'
  note(`Left out ${mislabelled} of ${all} ${part} recordings, which last for another time than their labels${more}`)
  for (const description of descriptions.slice(0, 3)) note(`  ${description}`)
}

/** Pre-training as in the paper's section II, on recordings with the clusters of their frames. */
export const pretrainTask: TrainingTask<PretrainingSettings> = {
  summary: 'Masked prediction of clusters, on recordings and their labels (section II)',
  startsFrom: 'nothing',
  needsText: false,
  choices: {
    size: { values: Object.keys(sizes), default: 'base', description: 'size of the model' },
    labelsFrom: {
      values: labelSources,
      default: ({ size }) => (usualIteration(size as HubertSize) === 1 ? 'mfcc' : 'layer'),
      description: 'what the labels are clusters of, by default as the size has it',
    },
  },
  options: {
    labels: {
      value: '<files...>',
      description: 'labels of the training recordings (.km): one file for each set of clusters',
    },
    validLabels: { value: '<files...>', description: 'labels of the held-out recordings, for evaluation' },
  },
  examples: [
    'babble pretrain hubert --data corpus --labels labels/train.km --valid-labels labels/valid.km --size tiny',
    'babble pretrain hubert --data corpus --labels layer6/train.km --labels-from layer --size tiny --steps 500 --out runs/second',
    'babble pretrain hubert --size large --print-recipe > recipe.yaml',
    'babble hubert recipe --data corpus --size tiny --out runs/all',
  ],
  schema: pretrainingSchema,
  defaults: ({ size, labelsFrom }) => pretrainingDefaults(size as HubertSize, labelsFrom as LabelSource),
  files: labelFiles,

  async build(recipe, context): Promise<TrainingJob> {
    labelFiles(recipe)
    if (context.valid && recipe.validLabels.length === 0) {
      context.note(`${context.valid.length} held-out recordings are not used: name their labels with --valid-labels.`)
    }
    const held = recipe.validLabels.length > 0 ? context.valid : undefined
    const labels = await openLabels(recipe.labels, context)
    const toClose: { close?(): Promise<void> }[] = [...labels]
    const closeAll = async () => {
      for (const item of toClose) await item.close?.()
    }
    try {
      const validLabels = held ? await openLabels(recipe.validLabels, context) : []
      toClose.push(...validLabels)
      const config = hubertConfig({ ...recipe.config, numClasses: classesOf(recipe, [labels, validLabels]) })
      const batches = async (manifest: Manifest, own: readonly FrameLabels[], part: string, more: object) => {
        const { data, seed } = recipe
        const { cropSamples, minSamples, labelTolerance, batchSamples, buckets, normalize } = data
        const dataset = await openWholeDataset(manifest, { sampleRate: config.samplingRate, part }, context)
        toClose.push(dataset)
        const source = await hubertPretrainingBatches(dataset, own, {
          config,
          seed,
          cropSamples,
          minSamples,
          tolerance: labelTolerance,
          maxSamples: batchSamples,
          buckets,
          normalize,
          ...more,
        })
        noteLeftOut(source, part, context)
        return { dataset, source }
      }
      const train = await batches(context.train, labels, 'training', { multipleOf: recipe.data.multipleOf })
      const valid = held && (await batches(held, validLabels, 'held-out', { shuffle: false }))
      return makeJob(recipe, config, train, valid, closeAll)
    } catch (error) {
      await closeAll()
      throw error
    }
  },
}

interface LabelledData {
  readonly dataset: Awaited<ReturnType<typeof openWholeDataset>>
  readonly source: HubertPretrainingSource
}

const makeJob = (
  recipe: PretrainingSettings,
  config: HubertConfig,
  train: LabelledData,
  valid: LabelledData | undefined,
  close: () => Promise<void>,
): TrainingJob => {
  const { seed, maxSteps, maskedWeight, unmaskedWeight, featureGradMult, featurePenaltyWeight } = recipe
  const model = new HubertForPreTraining(config, new Initializer(seed))
  const weights = { maskedWeight, unmaskedWeight, featureGradMult, featurePenaltyWeight }
  const objective = new HubertPretrainingObjective(model, weights)
  const extractor = new SpeechFeatureExtractor({
    samplingRate: config.samplingRate,
    doNormalize: recipe.data.normalize,
  })
  return {
    model,
    objective,
    data: train.source,
    optimizer: recipe.optimizer,
    schedule: makeSchedule(recipe.schedule, maxSteps),
    ...(recipe.clipNorm === null ? {} : { clipNorm: recipe.clipNorm }),
    ...(valid ? { evaluate: objectiveEvaluator({ objective, data: valid.source, seed }) } : {}),
    modelConfig: writeHubertConfig(config, 'HubertForPreTraining'),
    files: { [extractorFile]: extractorText(extractor) },
    samples: () => recordingCards((valid ?? train).dataset),
    save: async (directory) => {
      await model.savePretrained(directory)
      await writeFileAtomic(join(directory, extractorFile), extractorText(extractor))
    },
    dispose: () => {
      model.dispose()
      // Files that were only read: there is nothing to lose.
      close().catch(() => {})
    },
  }
}
