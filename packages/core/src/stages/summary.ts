import { formatDuration } from '../train/progress'
import type { JsonObject } from './plain-json'
import type { StageRecord } from './stage-record'

/** What is kept of a complete stage for people and reports. */
export interface StageSummary {
  readonly name: string
  readonly title: string
  /** Of a resumable stage all attempts that ended by themselves, since a killed one's time is not known; of another the last one. */
  readonly seconds: number
  /** How often it was begun; 1 again where it was begun anew. */
  readonly attempts: number
  readonly finishedAt: string
  /** Names of the stages that it reads. */
  readonly reads: readonly string[]
  readonly inputs: JsonObject
  readonly result: JsonObject
}

/** A run's `summary.json`. */
export interface StagesSummary {
  readonly seconds: number
  readonly stages: readonly StageSummary[]
}

export const summaryOf = (records: readonly StageRecord[]): StagesSummary => ({
  seconds: records.reduce((sum, { seconds }) => sum + seconds, 0),
  stages: records.map(({ name, title, seconds, attempts, finishedAt, reads, inputs, result }) => ({
    name,
    title,
    seconds,
    attempts,
    finishedAt,
    reads: Object.keys(reads),
    inputs,
    result,
  })),
})

/**
 * The stages as a table of text: time and figures of each, the numbers at the top of its result.
 *
 * @example
 * ```
 * stage    time   figures
 * mfcc     0:12   utterances 600, frames 41233, dim 39
 * ```
 */
export const stageTable = ({ stages, seconds }: StagesSummary): string => {
  const rows = stages.map(({ name, seconds: own, result }) => [name, formatDuration(own), figuresOf(result)])
  const lines = [['stage', 'time', 'figures'], ...rows, ['all', formatDuration(seconds), '']]
  const width = (column: number) => Math.max(...lines.map((line) => line[column]!.length))
  const [names, times] = [width(0), width(1)]
  return lines
    .map(([name, time, figures]) => `${name!.padEnd(names)}  ${time!.padStart(times)}  ${figures}`.trimEnd())
    .join('\n')
}

const figuresOf = (result: JsonObject): string =>
  Object.entries(result)
    .flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${short(value)}`] : []))
    .join(', ')

/** Counts whole, other numbers with 4 significant digits. */
const short = (value: number): string => String(Number.isInteger(value) ? value : Number(value.toPrecision(4)))
