import { ConfigError, DataError } from '../errors'

/** Finds so many buckets that at most this share of all samples in batches is padding. */
export interface PaddingLimit {
  /** In (0, 1): 0.1 means that a tenth of what is computed on may be padding. */
  readonly maxPadding: number
  /** Most buckets. Default 32. */
  readonly most?: number
}

/** Different lengths that are told apart while looking for bounds. */
const mostCandidates = 1024

/**
 * Upper bounds of length buckets, ascending and distinct; the last is the longest length. Each batch is padded to its bucket's bound,
 * so there are as many shapes, and programs to compile, as buckets. The bounds are those with the least padding in all that so many
 * buckets can have (found by dynamic programming over up to 1024 quantiles of the lengths).
 *
 * @param buckets How many, or how much padding there may be: then as few as keep to it.
 * @param multipleOf Bounds are rounded up to a multiple of this. Default 1.
 */
export const lengthBuckets = (lengths: ArrayLike<number>, buckets: number | PaddingLimit, multipleOf = 1): number[] => {
  if (lengths.length === 0) throw new DataError('there are no lengths to make buckets of.')
  const limit = typeof buckets === 'number' ? undefined : buckets
  const most = typeof buckets === 'number' ? buckets : (buckets.most ?? 32)
  if (!Number.isInteger(most) || most < 1) throw new ConfigError(`buckets is ${most}.`, { field: 'buckets' })
  if (limit && !(limit.maxPadding > 0 && limit.maxPadding < 1)) {
    throw new ConfigError(`maxPadding is ${limit.maxPadding}; it must be between 0 and 1.`, { field: 'maxPadding' })
  }
  const { bounds, counts, total } = candidatesOf(lengths, multipleOf)
  const size = bounds.length
  const before = new Float64Array(size + 1)
  for (let i = 0; i < size; i++) before[i + 1] = before[i]! + counts[i]!
  // cost[j]: samples, padding included, of all up to candidate j with the last bucket ending there.
  let cost = Float64Array.from(bounds, (bound, j) => bound * before[j + 1]!)
  const choices: Int32Array[] = [new Int32Array(size).fill(-1)]
  const isEnough = () => choices.length >= most || (limit && 1 - total / cost[size - 1]! <= limit.maxPadding)
  while (!isEnough() && choices.length < size) {
    const next = cost.slice()
    const choice = new Int32Array(size).fill(-1)
    for (let j = 1; j < size; j++) {
      for (let i = 0; i < j; i++) {
        const padded = cost[i]! + bounds[j]! * (before[j + 1]! - before[i + 1]!)
        if (padded < next[j]!) {
          next[j] = padded
          choice[j] = i
        }
      }
    }
    cost = next
    choices.push(choice)
  }
  const chosen: number[] = []
  for (let level = choices.length - 1, j = size - 1; j >= 0; level--) {
    // Without a choice here, fewer buckets did as well, or this is the first one.
    const previous = choices[level]![j]!
    if (previous < 0 && level > 0) continue
    chosen.unshift(bounds[j]!)
    j = previous
  }
  return chosen
}

/** The bounds that are tried, how many lengths fall below each (and above the one before), and the sum of all lengths. */
const candidatesOf = (lengths: ArrayLike<number>, multipleOf: number) => {
  const sorted = Float64Array.from(lengths).sort()
  let total = 0
  for (const length of sorted) total += length
  const roundUp = (length: number) => Math.ceil(length / multipleOf) * multipleOf
  let bounds = [...distinct(sorted, roundUp)]
  if (bounds.length > mostCandidates) {
    const quantiles = Float64Array.from({ length: mostCandidates }, (_, part) => {
      return sorted[Math.ceil(((part + 1) * sorted.length) / mostCandidates) - 1]!
    })
    bounds = [...distinct(quantiles, roundUp)]
  }
  const counts = new Float64Array(bounds.length)
  let at = 0
  for (const length of sorted) {
    while (length > bounds[at]!) at++
    counts[at]!++
  }
  return { bounds, counts, total }
}

function* distinct(sorted: Float64Array, roundUp: (length: number) => number): Generator<number> {
  let last = Number.NaN
  for (const length of sorted) {
    const bound = roundUp(length)
    if (bound !== last) yield bound
    last = bound
  }
}
