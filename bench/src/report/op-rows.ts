import { type Peak, peakOf } from '../ops/peak'
import { type ContestantKey, contestantKeys, titles } from '../settings'
import type { OpResult, OpsRecord, OpTimes } from './records'

/** At most three significant digits, never in exponents: 0.0123, 1.23, 12.3, 1234. */
export const shortNumber = (value: number): string => {
  if (value === 0 || !Number.isFinite(value)) return String(value)
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 6))
}

/** GFLOP/s or GB/s of the least work that the op needs, and its share of what the machine gave in the same run. */
const rate = ({ flops, bytes }: OpResult, seconds: number, peak: Peak): string => {
  const [amount, unit, best] =
    flops === undefined ? [bytes, 'GB/s', peak.bytesPerSecond] : [flops, 'GFLOP/s', peak.flopsPerSecond]
  const share = best === undefined ? '' : ` (${Math.round((100 * amount) / seconds / best)} %)`
  return `${shortNumber(amount / seconds / 1e9)} ${unit}${share}`
}

const cell = (times: OpTimes | undefined, reason: string | undefined): string => {
  if (!times) return reason === undefined ? '' : '–'
  const ratio = times.ratio ? ` (${times.ratio.median.toFixed(2)})` : ''
  return `${shortNumber(times.medianSeconds * 1000)}${ratio}${times.agrees === false ? ' ≠' : ''}`
}

/** The contestants that have a column, in their order. */
export const contestantsOf = ({ contestants }: OpsRecord): ContestantKey[] =>
  contestantKeys.filter((key) => contestants[key] !== undefined)

/** A head and a line for each op: milliseconds of each contestant with its ratio to Babble, and Babble's rate. */
export const opRows = (record: OpsRecord): string[][] => {
  const keys = contestantsOf(record)
  const peak = peakOf(record.results)
  const head = ['op', ...keys.map((key) => `${titles[key]}, ms`), 'rate of Babble', 'rate of PyTorch']
  const body = record.results.map((result) => [
    result.id,
    ...keys.map((key) => cell(result.times[key], result.missing[key])),
    ...(['ours', 'pytorch'] as const).map((key) => {
      const times = result.times[key]
      return times ? rate(result, times.medianSeconds, peak) : ''
    }),
  ])
  return [head, ...body]
}
