import type { HostBatch, Objective, PretrainedModel } from '@babble/core'
import type { Specification } from '../specification'

/** What Babble trains in the step benchmark. */
export interface Training {
  readonly model: PretrainedModel<unknown>
  readonly objective: Objective
}

/** Babble's side of a task: `python/tasks.py` has the other one under the same name. */
export interface Task<S extends Specification> {
  /**
   * @param path The file of the specification, shown in messages
   * @throws ConfigError for a model that cannot be
   */
  build(specification: S, path: string): Training
  /** `count` batches of noise, of the shapes and mask statistics that real ones have. */
  batches(specification: S, path: string, count: number): Promise<HostBatch[]>
}
