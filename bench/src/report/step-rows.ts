import { type ContestantKey, contestantKeys, titles } from '../settings'
import { median } from '../statistics'
import type { StepContestant, StepRecord } from './records'

/** The contestants of a run, in their order. */
export const contestantsOfStep = ({ contestants }: StepRecord): [ContestantKey, StepContestant][] =>
  contestantKeys.flatMap((key): [ContestantKey, StepContestant][] => {
    const contestant = contestants[key]
    return contestant ? [[key, contestant]] : []
  })

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(2)

const optional = (value: number | undefined, digits: number): string =>
  value === undefined ? '' : value.toFixed(digits)

/** Median milliseconds until the call came back. */
const hostMilliseconds = ({ rounds }: StepContestant): number | undefined => {
  const host = rounds.flat().flatMap(({ hostSeconds }) => (hostSeconds === undefined ? [] : [hostSeconds * 1000]))
  return host.length > 0 ? median(host) : undefined
}

/** A head and a line for each contestant of a run. */
export const stepRows = (record: StepRecord): string[][] => {
  const head = [
    'contestant',
    'step, s',
    'over Babble',
    'rounds',
    'peak memory, GiB',
    'over Babble',
    'host, ms',
    'trace, s',
    'compile, s',
    'first step, s',
    'from disk, s',
  ]
  const body = contestantsOfStep(record).map(([key, contestant]) => {
    const { preparation, cachedPreparation, ratio, memoryRatio } = contestant
    return [
      titles[key],
      contestant.medianSeconds.toFixed(3),
      optional(ratio?.median, 2),
      ratio ? `${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)}` : '',
      gibibytes(contestant.peakRssBytes),
      optional(memoryRatio, 2),
      optional(hostMilliseconds(contestant), 1),
      optional(preparation?.traceSeconds, 1),
      optional(preparation?.compileSeconds, 1),
      optional(preparation?.firstStepSeconds, 1),
      optional(cachedPreparation?.firstStepSeconds, 1),
    ]
  })
  return [head, ...body]
}
