import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from '../checkpoint/index'
import { TrainingError } from '../errors'
import {
  checkpointName,
  cleanCheckpoints,
  findCheckpoints,
  loadCheckpoint,
  removeCheckpoints,
  type StateFiles,
  saveCheckpoint,
  type TrainerState,
  writeModel,
} from './checkpoint'
import type { RankedCheckpoint } from './retention'
import { Retention } from './retention'
import { RunLock } from './run-lock'
import type { TrainerOptions } from './trainer-options'

/** Folder of the best model, and the file that says which it is. */
export const BEST_FOLDER = 'best'
export const BEST_FILE = 'best.json'

/** A run's checkpoints in its folder: found, written, and removed when they are no longer wanted. Without a folder it does nothing. */
export class Checkpointer {
  readonly #options: TrainerOptions
  readonly #stateFiles: StateFiles
  readonly #retention: Retention
  #lock: RunLock | undefined
  #savedStep = -1

  constructor(options: TrainerOptions, stateFiles: StateFiles) {
    this.#options = options
    this.#stateFiles = stateFiles
    this.#retention = new Retention(options.keepLast ?? 3, options.keepBest)
  }

  /** The best evaluated checkpoint so far, with the metric's name. */
  get best(): (RankedCheckpoint & { readonly metric: string }) | undefined {
    const { metric, best } = this.#retention.state()
    return best[0] && { ...best[0], metric }
  }

  get retentionState() {
    return this.#retention.state()
  }

  /** Whether the state after this step is in a checkpoint. */
  isSaved(step: number): boolean {
    return this.#options.runDirectory === undefined || this.#savedStep === step
  }

  /**
   * Takes the folder and clears away what a process that was killed has left in it.
   *
   * @returns the last complete checkpoint, if there is one.
   * @throws TrainingError when another process trains there, or when there is a checkpoint and `resume` is off.
   */
  async open(): Promise<string | undefined> {
    const { runDirectory, resume = true } = this.#options
    if (runDirectory === undefined) return undefined
    await mkdir(runDirectory, { recursive: true })
    this.#lock = await RunLock.take(runDirectory)
    await recoverDirectory(join(runDirectory, BEST_FOLDER))
    await cleanCheckpoints(runDirectory)
    const last = (await findCheckpoints(runDirectory)).at(-1)
    if (last === undefined) return undefined
    if (resume) return join(runDirectory, checkpointName(last))
    throw new TrainingError('the directory holds the checkpoints of an earlier run.', {
      file: runDirectory,
      field: 'resume',
      cure: 'Take another directory, or leave "resume" on to continue that run.',
    })
  }

  /** Puts a checkpoint into the model and the other variables. */
  async restore(directory: string): Promise<TrainerState> {
    const { model, data, seed, objective, modelConfig } = this.#options
    const state = await loadCheckpoint(directory, {
      model,
      stateFiles: this.#stateFiles,
      expected: { seed, objective: objective.name, data: data.name, modelConfig },
    })
    this.#savedStep = state.step
    this.#retention.restore(state.retention)
    await this.#pointToBest()
    return state
  }

  /**
   * Ranks an evaluation; a model that is better than all before is saved for use while it holds the evaluated weights.
   *
   * @returns whether a checkpoint of this step is to be kept.
   */
  async consider(step: number, metrics: Readonly<Record<string, number>>): Promise<boolean> {
    const { runDirectory, keepBest, model, modelConfig } = this.#options
    const before = this.best?.step
    const keep = this.#retention.consider(step, metrics)
    if (runDirectory !== undefined && this.best?.step === step && before !== step) {
      await writeDirectoryAtomic(join(runDirectory, BEST_FOLDER), async (directory) => {
        await (keepBest?.save ? keepBest.save(directory) : writeModel(directory, model.stateDict(), modelConfig))
      })
    }
    return keep
  }

  /** Writes a checkpoint, and removes those that are no longer wanted. */
  async save(state: TrainerState): Promise<void> {
    const { runDirectory, model, modelConfig } = this.#options
    if (runDirectory === undefined) return
    await saveCheckpoint(runDirectory, {
      state,
      modelState: model.stateDict(),
      stateFiles: this.#stateFiles,
      modelConfig,
    })
    this.#savedStep = state.step
    await this.#pointToBest()
    await removeCheckpoints(runDirectory, this.#retention.doomed(await findCheckpoints(runDirectory)))
  }

  async close(): Promise<void> {
    await this.#lock?.release()
    this.#lock = undefined
  }

  /** `best.json` says which checkpoints are the best; it names only those that exist. */
  async #pointToBest(): Promise<void> {
    const { runDirectory, keepBest } = this.#options
    if (runDirectory === undefined) return
    const file = join(runDirectory, BEST_FILE)
    const { best, ...ranking } = this.#retention.state()
    if (best.length === 0) {
      if (keepBest && existsSync(file)) await rm(file)
      return
    }
    const checkpoints = best.map(({ step, value }) => ({ step, value, checkpoint: checkpointName(step) }))
    await writeFileAtomic(file, `${JSON.stringify({ ...ranking, model: BEST_FOLDER, checkpoints }, null, 2)}\n`)
  }
}
