import { join } from 'node:path'
import {
  type FinishedStage,
  openRunFolder,
  type ProgressListener,
  type RunIdentity,
  runTraining,
  type Stages,
  TrainingError,
  type TrainingSettings,
} from '@babble/core'
import { pretrainTask } from '../plugin/pretrain'
import type { PretrainingSettings } from '../plugin/recipes'
import type { IterationCorpus, LabelStages } from './label-stages'

export interface ModelStageOptions {
  readonly iteration: number
  /** Whole, but for the labels. */
  readonly recipe: PretrainingSettings
  readonly labels: LabelStages['labels']
  readonly engine: string
  readonly onProgress?: ProgressListener
}

/** Metrics of the last log record and the last evaluation. */
export type ModelResult = { steps: number; parameters: number } & Record<string, number>

/** Settings that do not change what is computed. */
const speedOnly = ['accumulate', 'devices', 'logEvery', 'checkpointEvery', 'keepLast'] as const

const decisive = (recipe: PretrainingSettings): object => {
  const left = { ...recipe } as Partial<Record<keyof TrainingSettings, unknown>>
  for (const key of speedOnly) delete left[key]
  return left
}

/** Trains the model of an iteration; interrupted, it goes on from its last checkpoint. */
export const modelStage = (
  stages: Stages,
  corpus: IterationCorpus,
  { iteration, recipe: given, labels, engine, onProgress }: ModelStageOptions,
): Promise<FinishedStage<ModelResult>> => {
  // Relative, so that the folder of the stages may be moved.
  const paths = (part: 'train' | 'valid') => (corpus.parts[part] ? [`${labels.name}/${part}.km`] : [])
  const recipe: PretrainingSettings = { ...given, labels: paths('train'), validLabels: paths('valid') }
  return stages.stage({
    name: `${iteration}-model`,
    title: `Iteration ${iteration}`,
    inputs: { data: corpus.fingerprints, recipe: decisive(recipe) },
    reads: [labels],
    resumable: true,
    run: async ({ directory, signal, note, progress }) => {
      const identity: RunIdentity = { model: 'hubert', task: 'pretrain', recipe, data: corpus.fingerprints }
      await openRunFolder(directory, identity)
      for (const part of ['train', 'valid'] as const) if (corpus.parts[part]) labels.file(`${part}.km`)
      const job = await pretrainTask.build(recipe, {
        ...corpus.parts,
        path: (path) => join(stages.directory, path),
        note,
        progress,
        ...(signal ? { signal } : {}),
      })
      try {
        const { status, step, parameters, history } = await runTraining(job, {
          identity,
          directory,
          title: `HuBERT: iteration ${iteration}`,
          engine,
          ...(onProgress ? { onProgress } : {}),
          ...(signal ? { signal } : {}),
        })
        signal?.throwIfAborted()
        if (status === 'interrupted') throw new TrainingError('it was interrupted.', { file: directory })
        const last = (kind: 'train' | 'evaluation') => history.findLast((record) => record.kind === kind)?.metrics ?? {}
        const { loss, maskedAccuracy } = last('train')
        const held = last('evaluation')
        return {
          steps: step,
          parameters,
          ...(loss === undefined ? {} : { loss }),
          ...(maskedAccuracy === undefined ? {} : { maskedAccuracy }),
          ...(held.loss === undefined ? {} : { heldOutLoss: held.loss }),
          ...(held.maskedAccuracy === undefined ? {} : { heldOutMaskedAccuracy: held.maskedAccuracy }),
        } as ModelResult
      } finally {
        job.dispose()
      }
    },
  })
}
