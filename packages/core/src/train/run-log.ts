import { appendFileSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../checkpoint/index'
import { TrainingError } from '../errors'
import type { TrainingWarning } from './monitor'

/** One line of a run's log. Numbers that are not finite are written as `null` and read back as NaN. */
export type RunRecord = MetricsRecord | WarningRecord

export interface MetricsRecord {
  /** `train`: averages over the steps since the last such record; `evaluation`: what the evaluation hook returned. */
  readonly kind: 'train' | 'evaluation'
  readonly step: number
  /** Epoch of the step's last batch, from 0. */
  readonly epoch: number
  /** Seconds of training so far, over all the sessions of the run. */
  readonly seconds: number
  readonly metrics: Readonly<Record<string, number>>
}

export interface WarningRecord extends TrainingWarning {
  readonly kind: 'warning'
}

/** Names of a run directory's own files. */
export const METRICS_FILE = 'metrics.jsonl'
export const RUN_FILE = 'run.json'
export const CONFIG_FILE = 'config.json'
export const ENVIRONMENT_FILE = 'environment.json'

const parse = (line: string): RunRecord => {
  const record = JSON.parse(line) as RunRecord
  if (record.kind === 'warning') return record
  const metrics = Object.fromEntries(Object.entries(record.metrics).map(([name, value]) => [name, value ?? Number.NaN]))
  return { ...record, metrics }
}

/**
 * Reads a run's `metrics.jsonl`. A last line that was cut short by the end of the process is left out.
 *
 * @throws TrainingError when any other line is not a record.
 */
export const readRunLog = (directory: string): RunRecord[] => {
  const file = join(directory, METRICS_FILE)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    if (line === '') return []
    try {
      return [parse(line)]
    } catch (cause) {
      if (index === lines.length - 1) return []
      throw new TrainingError(`line ${index + 1} is not a record of a run log.`, {
        file,
        cause,
        cure: 'Remove the line; the run does not need it to go on.',
      })
    }
  })
}

const readInfo = (file: string): Record<string, unknown> => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new TrainingError('this file cannot be read, or is not JSON.', {
      file,
      cause,
      cure: 'Remove it; the run does not need it to go on.',
    })
  }
}

/**
 * A run's log on disk: `metrics.jsonl`, one record a line; `config.json`, what was run; `environment.json`, on what; and `run.json`,
 * how far it is. Without a directory it only keeps the records in memory.
 */
export class RunLog {
  readonly #directory: string | undefined
  readonly #records: RunRecord[] = []
  #info: Record<string, unknown> = {}
  #settings: { config: Record<string, unknown>; environment: Record<string, unknown> } = { config: {}, environment: {} }

  constructor(directory: string | undefined) {
    this.#directory = directory
    if (directory !== undefined) mkdirSync(directory, { recursive: true })
  }

  /** All records so far, those before a resume included. */
  get records(): readonly RunRecord[] {
    return this.#records
  }

  /**
   * Takes over what an earlier session had logged when it saved the checkpoint of `step`, `count` records, and drops what came
   * after: that is run, and logged, again.
   */
  async resumeAt(step: number, count = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#directory === undefined) return
    const kept = readRunLog(this.#directory)
      .slice(0, count)
      .filter((record) => record.step <= step)
    this.#records.splice(0, this.#records.length, ...kept)
    const text = kept.map((record) => `${JSON.stringify(record)}\n`).join('')
    await writeFileAtomic(join(this.#directory, METRICS_FILE), text)
    const file = join(this.#directory, RUN_FILE)
    if (step > 0 && existsSync(file)) this.#info = readInfo(file)
  }

  /** What `run.json` says so far. */
  get info(): Readonly<Record<string, unknown>> {
    return this.#info
  }

  /** Settings and machine of the current session. */
  get settings(): { readonly config: Record<string, unknown>; readonly environment: Record<string, unknown> } {
    return this.#settings
  }

  /** Writes `config.json` and `environment.json`. */
  async configure(config: Record<string, unknown>, environment: Record<string, unknown>): Promise<void> {
    this.#settings = { config, environment }
    if (this.#directory === undefined) return
    for (const [file, content] of [
      [CONFIG_FILE, config],
      [ENVIRONMENT_FILE, environment],
    ] as const) {
      await writeFileAtomic(join(this.#directory, file), `${JSON.stringify(content, null, 2)}\n`)
    }
  }

  append(record: RunRecord): void {
    this.#records.push(record)
    if (this.#directory !== undefined)
      appendFileSync(join(this.#directory, METRICS_FILE), `${JSON.stringify(record)}\n`)
  }

  /** Makes what was logged survive a power cut; called before a checkpoint is written. */
  flush(): void {
    if (this.#directory === undefined || this.#records.length === 0) return
    const file = openSync(join(this.#directory, METRICS_FILE), 'r')
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  /** Merges fields into `run.json`. */
  async describe(fields: Record<string, unknown>): Promise<void> {
    this.#info = { ...this.#info, ...fields }
    if (this.#directory === undefined) return
    await writeFileAtomic(join(this.#directory, RUN_FILE), `${JSON.stringify(this.#info, null, 2)}\n`)
  }
}
