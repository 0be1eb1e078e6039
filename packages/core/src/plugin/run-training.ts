import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../checkpoint/index'
import { ConfigError } from '../errors'
import { differences } from '../stages/differences'
import { type MetricsRecord, type ProgressListener, Trainer } from '../train/index'
import type { TrainingJob } from './model-plugin'
import { MODEL_FOLDER } from './open-model'
import type { TrainingSettings } from './training-settings'

/** What a run's folder says that the run is. */
export interface RunIdentity {
  readonly model: string
  readonly task: string
  /** The effective recipe. */
  readonly recipe: TrainingSettings
  /** See `openCorpus`. */
  readonly data: Readonly<Record<string, unknown>>
  /** The model that training started from. */
  readonly from?: string
}

/** Settings that may change when a run goes on: they do not change what is computed, or only how far it goes. */
const changeable = new Set([
  'maxSteps',
  'accumulate',
  'devices',
  'logEvery',
  'checkpointEvery',
  'keepLast',
  'evaluateEvery',
  'keepBest',
])

/**
 * Makes a folder ready for a run: a new one, or that of the same run, which then goes on.
 *
 * @param fresh Put an earlier run aside, by another name of its folder.
 * @returns whether an earlier run goes on, and where one was put aside.
 * @throws ConfigError when the folder holds another run.
 */
export const openRunFolder = async (
  directory: string,
  identity: RunIdentity,
  fresh = false,
): Promise<{ resumes: boolean; aside?: string }> => {
  const file = join(directory, 'run.json')
  if (!existsSync(file)) {
    await mkdir(directory, { recursive: true })
    return { resumes: false }
  }
  if (fresh) {
    let number = 1
    while (existsSync(`${directory}.${number}`)) number++
    const aside = `${directory}.${number}`
    await rename(directory, aside)
    await mkdir(directory, { recursive: true })
    return { resumes: false, aside }
  }
  const cure = 'Give the same recipe and data, name another folder with --out, or start anew with --fresh.'
  let before: { identity?: Partial<RunIdentity> }
  try {
    before = JSON.parse(await readFile(file, 'utf8')) as typeof before
  } catch (cause) {
    throw new ConfigError('it cannot be read as JSON.', { file, cause, cure })
  }
  // Through JSON, as the saved one was.
  const now = JSON.parse(JSON.stringify(identity)) as RunIdentity
  const found = differences(before.identity ?? {}, now).filter(
    (line) => !changeable.has(/^recipe\.(\w+) /.exec(line)?.[1] ?? ''),
  )
  if (found.length > 0) {
    const lines = found.map((line) => `\n  ${line.replace(/^recipe\./, '')}`)
    throw new ConfigError(`the folder holds another run:${lines.join('')}\n`, { file: directory, field: 'out', cure })
  }
  return { resumes: true }
}

export interface RunTrainingOptions {
  readonly identity: RunIdentity
  /** The run's folder, made ready by `openRunFolder`. */
  readonly directory: string
  /** Of the report. */
  readonly title: string
  /** What computes, for `run.json`. */
  readonly engine: string
  readonly signal?: AbortSignal
  readonly onProgress?: ProgressListener
}

export interface TrainingOutcome {
  readonly status: 'completed' | 'interrupted'
  readonly step: number
  readonly history: readonly MetricsRecord[]
  readonly skippedSteps: number
  readonly parameters: number
  /** The trained model's directory; absent when interrupted. */
  readonly model?: string
  /** The HTML report. */
  readonly report: string
}

/**
 * Trains a job to its end or until it is interrupted: log, checkpoints, the trained model and a report go into the run's folder. A run
 * that was begun there goes on from its last checkpoint.
 */
export const runTraining = async (job: TrainingJob, options: RunTrainingOptions): Promise<TrainingOutcome> => {
  const { identity, directory, title, engine, signal, onProgress } = options
  const {
    model,
    objective,
    data,
    optimizer,
    schedule,
    clipNorm,
    parameterGroups,
    monitors,
    evaluate,
    samples,
    modelConfig,
  } = job
  const { maxSteps, seed, precision, accumulate, devices, logEvery, checkpointEvery, keepLast, evaluateEvery } =
    identity.recipe
  const { keepBest, weightAverage } = identity.recipe
  for (const [name, text] of Object.entries(job.files ?? {})) await writeFileAtomic(join(directory, name), text)
  const trainer = new Trainer({
    model,
    objective,
    data,
    optimizer,
    modelConfig,
    maxSteps,
    seed,
    precision,
    accumulate,
    devices,
    logEvery,
    checkpointEvery,
    keepLast,
    runDirectory: directory,
    runInfo: { identity, engine },
    title,
    config: { ...identity },
    // Without held-out recordings there is nothing to tell the best by.
    ...(keepBest !== null && evaluate
      ? { keepBest: { metric: keepBest, save: (folder: string) => job.save(folder) } }
      : {}),
    ...(weightAverage === null ? {} : { weightAverage: { decay: weightAverage } }),
    ...(samples ? { samples: () => samples.call(job) } : {}),
    ...(evaluateEvery === null ? {} : { evaluateEvery }),
    ...(schedule ? { schedule } : {}),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(parameterGroups ? { parameterGroups } : {}),
    ...(monitors ? { monitors } : {}),
    ...(evaluate ? { evaluate } : {}),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  })
  try {
    const { status, step, history, skippedSteps } = await trainer.run()
    const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0)
    const report = join(directory, 'report.html')
    const outcome = { status, step, history, skippedSteps, parameters, report }
    if (status === 'interrupted') return outcome
    const saved = join(directory, MODEL_FOLDER)
    await job.save(saved)
    return { ...outcome, model: saved }
  } finally {
    trainer.dispose()
  }
}
