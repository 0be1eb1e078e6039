import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { z } from 'zod'
import {
  type HostTensor,
  isCompleteDirectory,
  readSafetensors,
  toFloat32,
  writeDirectoryAtomic,
  writeSafetensors,
} from '../checkpoint/index'
import type { BatchPosition } from '../data/index'
import { CheckpointError } from '../errors'
import type { MetricWindowState } from './metric-window'
import type { RetentionState } from './retention'
import type { CheckpointableModel } from './trainer-options'

export const CHECKPOINT_FORMAT = 2

const MODEL_FILE = 'model.safetensors'
const STATE_FILE = 'trainer.json'
const CONFIG_FILE = 'config.json'

/** `trainer.json`: everything that a resumed run needs beside the tensors. */
export interface TrainerState {
  readonly format: typeof CHECKPOINT_FORMAT
  /** Updates done. */
  readonly step: number
  /** Epoch of the last batch, for the log. */
  readonly epoch: number
  /** The batch of the next update. */
  readonly nextBatch: BatchPosition
  /** With `step`, the whole state of the run's randomness: keys are a function of both. */
  readonly seed: number
  readonly objective: string
  readonly data: string
  /** The options of the session that wrote it, for people. */
  readonly options: Readonly<Record<string, unknown>>
  readonly evaluatedStep: number
  /** Records in the log at this step. */
  readonly logRecords: number
  /** Seconds of training so far. */
  readonly seconds: number
  readonly window: MetricWindowState
  readonly monitors: Readonly<Record<string, unknown>>
  readonly retention: RetentionState
  /** Updates refused so far, and how many of their batches were saved. */
  readonly skipped: number
  readonly savedBatches: number
}

/** Tensors of a run beside its model's, by file: the optimiser's state, the averaged weights, the objective's own variables. */
export type StateFiles = Readonly<Record<string, ReadonlyMap<string, tf.Variable>>>

export interface CheckpointContents {
  readonly state: TrainerState
  readonly modelState: ReadonlyMap<string, tf.Tensor>
  readonly stateFiles: StateFiles
  readonly modelConfig: Readonly<Record<string, unknown>> | undefined
}

export interface RestoreTarget {
  readonly model: CheckpointableModel
  readonly stateFiles: StateFiles
  readonly expected: {
    readonly seed: number
    readonly objective: string
    readonly data: string
    readonly modelConfig: Readonly<Record<string, unknown>> | undefined
  }
}

export const checkpointName = (step: number): string => `checkpoint-${step}`

/** Steps of the complete checkpoints in a run directory, ascending. */
export const findCheckpoints = async (runDirectory: string): Promise<number[]> => {
  const steps: number[] = []
  for (const name of existsSync(runDirectory) ? await readdir(runDirectory) : []) {
    const step = /^checkpoint-(\d+)$/.exec(name)?.[1]
    if (step !== undefined && (await isCompleteDirectory(join(runDirectory, name)))) steps.push(Number(step))
  }
  return steps.sort((a, b) => a - b)
}

/** Removes what a process that was killed while writing or removing has left behind in its run directory. */
export const cleanCheckpoints = async (runDirectory: string): Promise<void> => {
  for (const name of existsSync(runDirectory) ? await readdir(runDirectory) : []) {
    const path = join(runDirectory, name)
    const halfDone =
      /^\.(checkpoint-\d+|best|(metrics|run|config|environment|best|report)\.(jsonl?|html)|run\.lock)\./.test(name)
    const incomplete = /^checkpoint-\d+$/.test(name) && !(await isCompleteDirectory(path))
    if (halfDone || incomplete) await rm(path, { recursive: true, force: true })
  }
}

const toHost = async (tensors: ReadonlyMap<string, tf.Tensor>): Promise<[string, HostTensor][]> => {
  const entries: [string, HostTensor][] = []
  for (const [name, tensor] of tensors) {
    const data = await tensor.data()
    if (tensor.dtype === 'float32')
      entries.push([name, { data: data as Float32Array, shape: tensor.shape, dtype: 'F32' }])
    else if (tensor.dtype === 'int32')
      entries.push([name, { data: data as Int32Array, shape: tensor.shape, dtype: 'I32' }])
    else
      throw new CheckpointError(`"${name}" has type ${tensor.dtype}; only float32 and int32 are saved.`, {
        field: name,
      })
  }
  return entries
}

/** Writes a model's tensors, and its configuration if there is one, as a model directory holds them. */
export const writeModel = async (
  directory: string,
  modelState: ReadonlyMap<string, tf.Tensor>,
  modelConfig?: Readonly<Record<string, unknown>>,
): Promise<void> => {
  await writeSafetensors(join(directory, MODEL_FILE), await toHost(modelState), { format: 'pt' })
  if (modelConfig) await writeFile(join(directory, CONFIG_FILE), `${JSON.stringify(modelConfig, null, 2)}\n`)
}

/** Writes `checkpoint-<step>` so that it is there either whole or not at all. */
export const saveCheckpoint = async (runDirectory: string, contents: CheckpointContents): Promise<void> => {
  const { state, modelState, stateFiles, modelConfig } = contents
  await writeDirectoryAtomic(join(runDirectory, checkpointName(state.step)), async (directory) => {
    await writeModel(directory, modelState, modelConfig)
    for (const [file, tensors] of Object.entries(stateFiles)) {
      await writeSafetensors(join(directory, file), await toHost(tensors))
    }
    await writeFile(join(directory, STATE_FILE), `${JSON.stringify(state, null, 2)}\n`)
  })
}

/** Removes checkpoints that are no longer wanted. */
export const removeCheckpoints = async (runDirectory: string, steps: readonly number[]): Promise<void> => {
  for (const step of steps) {
    // Renamed first, so that one half removed is never taken for a checkpoint.
    const doomed = join(runDirectory, `.${checkpointName(step)}.removed`)
    await rename(join(runDirectory, checkpointName(step)), doomed)
    await rm(doomed, { recursive: true, force: true })
  }
}

const cure = 'Remove the checkpoint to use the one before.'

const readJson = async (file: string): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new CheckpointError('this file cannot be read, or is not JSON.', { file, cause, cure })
  }
}

const count = z.number().int().nonnegative()
const numbers = z.record(z.string(), z.number())
const stateSchema = z.object({
  step: count,
  epoch: count,
  nextBatch: z.object({ epoch: count, index: count }),
  seed: z.number(),
  objective: z.string(),
  data: z.string(),
  options: z.record(z.string(), z.unknown()),
  evaluatedStep: z.number().int(),
  logRecords: count,
  seconds: z.number(),
  window: z.object({ steps: count, sums: numbers, counts: numbers }),
  monitors: z.record(z.string(), z.unknown()),
  retention: z.object({
    metric: z.string(),
    mode: z.enum(['min', 'max']),
    best: z.array(z.object({ step: count, value: z.number() })),
  }),
  skipped: count,
  savedBatches: count,
})

const readState = async (directory: string): Promise<TrainerState> => {
  const file = join(directory, STATE_FILE)
  const content = await readJson(file)
  const format = (content as Partial<TrainerState> | null)?.format
  if (format !== CHECKPOINT_FORMAT) {
    throw new CheckpointError(`format ${format}, where ${CHECKPOINT_FORMAT} is expected.`, {
      file,
      field: 'format',
      cure: 'Go on with the version of this program that wrote it, or take another run directory.',
    })
  }
  const { success, data, error } = stateSchema.safeParse(content)
  if (success) return { ...data, format }
  const { path, message } = error.issues[0]!
  throw new CheckpointError(`"${path.join('.')}" cannot be used (${message}).`, { file, field: path.join('.'), cure })
}

/** Fields in which two configurations differ, as `name: there -> here`. */
const differences = (
  saved: Readonly<Record<string, unknown>>,
  current: Readonly<Record<string, unknown>>,
): string[] => {
  // Through JSON, as the saved one was: undefined fields vanish.
  const here = JSON.parse(JSON.stringify(current)) as Record<string, unknown>
  const names = [...new Set([...Object.keys(saved), ...Object.keys(here)])]
  return names
    .filter((name) => !isDeepStrictEqual(saved[name], here[name]))
    .map((name) => `${name}: ${JSON.stringify(saved[name])} in the checkpoint, ${JSON.stringify(here[name])} now`)
}

const checkExpectations = async (
  directory: string,
  state: TrainerState,
  expected: RestoreTarget['expected'],
): Promise<void> => {
  const { modelConfig, ...run } = expected
  const { seed, objective, data } = state
  const found = differences({ seed, objective, data }, run)
  const configFile = join(directory, CONFIG_FILE)
  if (modelConfig && existsSync(configFile)) {
    found.push(...differences(((await readJson(configFile)) ?? {}) as Record<string, unknown>, modelConfig))
  }
  if (found.length > 0) {
    throw new CheckpointError(`the checkpoint is of another run.\n  ${found.join('\n  ')}\n`, {
      file: directory,
      cure: 'Resume with the options that the run began with, or take another run directory.',
    })
  }
}

/** Names and shapes that the checkpoint and the trainer do not share. */
const checkTensors = (
  file: string,
  saved: ReadonlyMap<string, HostTensor>,
  state: ReadonlyMap<string, tf.Variable>,
): void => {
  const found: string[] = []
  for (const [name, { shape }] of state) {
    const tensor = saved.get(name)
    if (!tensor) found.push(`missing: ${name} [${shape.join(', ')}]`)
    else if (!isDeepStrictEqual([...tensor.shape], [...shape])) {
      found.push(`${name}: [${tensor.shape.join(', ')}] in the checkpoint, [${shape.join(', ')}] now`)
    }
  }
  for (const name of saved.keys()) if (!state.has(name)) found.push(`unexpected: ${name}`)
  if (found.length > 0) {
    throw new CheckpointError(`the state of training does not fit the model and options.\n  ${found.join('\n  ')}\n`, {
      file,
      cure: 'Resume with the same model, trainable parameters, parameter groups, optimiser and weight average, or take another run directory.',
    })
  }
}

/**
 * Puts a checkpoint's parameters, and all else that training has changed, into their variables, and returns the rest.
 *
 * @throws CheckpointError, before anything is changed, when it is of another run or does not fit.
 */
export const loadCheckpoint = async (directory: string, target: RestoreTarget): Promise<TrainerState> => {
  const state = await readState(directory)
  await checkExpectations(directory, state, target.expected)
  const files: [ReadonlyMap<string, HostTensor>, ReadonlyMap<string, tf.Variable>][] = []
  for (const [file, variables] of Object.entries(target.stateFiles)) {
    const path = join(directory, file)
    const saved = existsSync(path) ? (await readSafetensors(path)).tensors : new Map<string, HostTensor>()
    checkTensors(path, saved, variables)
    files.push([saved, variables])
  }
  const modelFile = join(directory, MODEL_FILE)
  const model = await readSafetensors(modelFile)
  target.model.loadStateDict(model.tensors, { file: modelFile })
  for (const [saved, variables] of files) {
    for (const [name, variable] of variables) {
      const tensor = saved.get(name)!
      const values = variable.dtype === 'int32' ? Int32Array.from(tensor.data as Int32Array) : toFloat32(tensor)
      tf.tidy(() => variable.assign(tf.tensor(values, [...tensor.shape], variable.dtype)))
    }
  }
  return state
}
