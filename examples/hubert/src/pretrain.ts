import { join } from 'node:path'
import {
  type BatchSource,
  type CheckpointableModel,
  extractorFile,
  extractorText,
  type FinishedStage,
  Initializer,
  type Objective,
  openFrameLabels,
  type ProgressListener,
  SpeechFeatureExtractor,
  type Stage,
  type StageContext,
  type Stages,
  Trainer,
  type TrainingRecipe,
} from '@babble/core'
import {
  HubertForPreTraining,
  HubertPretrainingObjective,
  hubertPretrainingBatches,
  hubertPretrainingRecipe,
} from '@babble/hubert'
import {
  pretrainingBatches,
  pretrainingRecipe,
  Wav2Vec2ForPreTraining,
  Wav2Vec2PretrainingObjective,
} from '@babble/wav2vec2'
import type { ClustersResult } from './clusters'
import type { Strings } from './corpus'
import type { Settings } from './settings'

/** What all stages that train are given. */
export interface TrainingOptions {
  readonly settings: Settings
  readonly seed: number
  readonly onProgress: ProgressListener
}

/** Updates between checkpoints: what a run that is killed does again at most. */
export const checkpointEvery = 100

/** What there is of a pre-trained model; it lies in `model`, the log in `run`. */
export interface PretrainingResult {
  readonly updates: number
  /** Audio that was trained on, each hearing counted. */
  readonly audioSeconds: number
  readonly parameters: number
  /** Of the last updates: share of the hidden frames whose target is found. */
  readonly accuracy: number
}

interface Pretraining {
  readonly model: CheckpointableModel & {
    parameterCount(): number
    savePretrained(directory: string, options: object): Promise<void>
    dispose(): void
  }
  readonly objective: Objective
  readonly data: BatchSource
  /** The metric that is `accuracy` in the result. */
  readonly accuracy: string
}

/** Trains as a recipe says, going on from the last checkpoint, and saves the model. */
const train = async (
  { model, objective, data, accuracy }: Pretraining,
  recipe: TrainingRecipe & { readonly clipNorm?: number },
  { directory, signal }: StageContext,
  { settings, seed, onProgress }: TrainingOptions,
): Promise<PretrainingResult> => {
  const { maxSteps, optimizer, schedule, clipNorm } = recipe
  const { batchSize, sampleRate, corpus } = settings
  const trainer = new Trainer({
    model,
    objective,
    data,
    maxSteps,
    optimizer,
    schedule,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    seed,
    runDirectory: join(directory, 'run'),
    checkpointEvery,
    keepLast: 1,
    onProgress,
    ...(signal ? { signal } : {}),
  })
  try {
    const { history } = await trainer.run()
    signal?.throwIfAborted()
    const extractor = new SpeechFeatureExtractor({ samplingRate: sampleRate })
    const processor = { files: () => ({ [extractorFile]: extractorText(extractor) }) }
    await model.savePretrained(join(directory, 'model'), { processor })
    return {
      updates: maxSteps,
      audioSeconds: maxSteps * batchSize * corpus.seconds,
      parameters: model.parameterCount(),
      accuracy: history.findLast(({ kind }) => kind === 'train')?.metrics[accuracy] ?? 0,
    }
  } finally {
    await data.close?.()
    trainer.dispose()
    model.dispose()
  }
}

const stageOf = (
  options: TrainingOptions,
  stage: Omit<Stage<PretrainingResult>, 'resumable' | 'inputs'> & { readonly inputs: object },
): Stage<PretrainingResult> => {
  const { batchSize, corpus, encoder } = options.settings
  const inputs = { ...stage.inputs, seed: options.seed, batchSize, seconds: corpus.seconds, encoder }
  return { ...stage, inputs, resumable: true }
}

/** An iteration of HuBERT, from random weights, on clusters. */
export const hubertStage = (
  stages: Stages,
  strings: Strings,
  labels: FinishedStage<ClustersResult>,
  iteration: 1 | 2,
  options: TrainingOptions,
): Promise<FinishedStage<PretrainingResult>> => {
  const { settings, seed } = options
  const { sampleRate, batchSize, hubert, encoder } = settings
  const steps = settings.iterations[iteration - 1]!
  return stages.stage(
    stageOf(options, {
      name: `iteration-${iteration}`,
      title: `HuBERT, iteration ${iteration}: ${steps} updates`,
      inputs: { steps, hubert },
      reads: [strings.stage, labels],
      run: async (context) => {
        const { clusters, labelRate } = labels.result
        const recipe = hubertPretrainingRecipe('tiny', {
          iteration,
          maxSteps: steps,
          config: { ...encoder, ...hubert.config, samplingRate: sampleRate, numClasses: [clusters], labelRate },
        })
        const { config, maskedWeight, featureGradMult, featurePenaltyWeight } = recipe
        const optimizer = { ...recipe.optimizer, learningRate: hubert.learningRate }
        const recordings = await strings.recordings('train')
        const data = await hubertPretrainingBatches(recordings, [await openFrameLabels(labels.file('train.km'))], {
          config,
          seed,
          batchSize,
          samplingRate: sampleRate,
        })
        const model = new HubertForPreTraining(config, new Initializer(seed))
        const { unmaskedWeight } = hubert
        const weights = { maskedWeight, unmaskedWeight, featureGradMult, featurePenaltyWeight }
        const objective = new HubertPretrainingObjective(model, weights)
        return train({ model, objective, data, accuracy: 'maskedAccuracy' }, { ...recipe, optimizer }, context, options)
      },
    }),
  )
}

/** wav2vec 2.0 on the same strings, in as many updates as both iterations of HuBERT have together. */
export const wav2vec2Stage = (
  stages: Stages,
  strings: Strings,
  options: TrainingOptions,
): Promise<FinishedStage<PretrainingResult>> => {
  const { settings, seed } = options
  const { sampleRate, batchSize, wav2vec2, encoder } = settings
  const steps = settings.iterations[0] + settings.iterations[1]
  return stages.stage(
    stageOf(options, {
      name: 'wav2vec2',
      title: `wav2vec 2.0: ${steps} updates`,
      inputs: { steps, wav2vec2 },
      reads: [strings.stage],
      run: async (context) => {
        const recipe = pretrainingRecipe('tiny', { maxSteps: steps, config: { ...encoder, ...wav2vec2 } })
        const { config, gumbelTemperature, featureGradMult, featurePenaltyWeight } = recipe
        const recordings = await strings.recordings('train')
        const data = pretrainingBatches(recordings, { config, seed, batchSize, samplingRate: sampleRate })
        const model = new Wav2Vec2ForPreTraining(config, new Initializer(seed))
        const objective = new Wav2Vec2PretrainingObjective(model, {
          gumbelTemperature,
          featureGradMult,
          featurePenaltyWeight,
        })
        return train({ model, objective, data, accuracy: 'contrastiveAccuracy' }, recipe, context, options)
      },
    }),
  )
}
