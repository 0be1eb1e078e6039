import type { HostBatch } from '@babble/core'
import type { Specification } from '../specification'
import { maskedPrediction } from './hubert'
import type { Task, Training } from './task'
import { ctc, pretraining } from './wav2vec2'

const tasks: { readonly [Name in Specification['task']]: Task<Extract<Specification, { task: Name }>> } = {
  pretraining,
  'masked-prediction': maskedPrediction,
  ctc,
}

const taskOf = ({ task }: Specification): Task<Specification> => tasks[task] as unknown as Task<Specification>

/** Batches that the steps of a run take in turn. */
const batchCount = 4

/** The model of a specification with new parameters, and its objective; needs an engine. */
export const buildTask = (specification: Specification, path: string): Training =>
  taskOf(specification).build(specification, path)

/** The batches of a run, the same ones each time; needs no engine. */
export const makeBatches = (specification: Specification, path: string): Promise<HostBatch[]> =>
  taskOf(specification).batches(specification, path, batchCount)
