/** The middle value; the mean of the two middle ones of an even count. NaN of nothing. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A ratio of two contestants' times: of each round by itself, so that a drift of the machine meets both alike. */
export interface Ratio {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/**
 * Of the medians of two contestants' rounds, `numerator` / `denominator`. Rounds that one of them has not run are left out.
 *
 * @returns undefined without a common round
 */
export const ratioOfRounds = (
  numerator: readonly (readonly number[])[],
  denominator: readonly (readonly number[])[],
): Ratio | undefined => {
  const rounds = numerator.slice(0, denominator.length).flatMap((values, round) => {
    const other = denominator[round]!
    return values.length > 0 && other.length > 0 ? [median(values) / median(other)] : []
  })
  if (rounds.length === 0) return undefined
  return { median: median(rounds), lowest: Math.min(...rounds), highest: Math.max(...rounds) }
}

/** Calls of about `callSeconds` that fill `turnSeconds`; at least 1, at most `most`. */
export const callsForTurn = (callSeconds: number, turnSeconds: number, most = 100): number =>
  Math.max(1, Math.min(most, Math.round(turnSeconds / Math.max(callSeconds, 1e-9))))

/** Whether two results are the same numbers, relative to the larger. */
export const agree = (left: readonly number[], right: readonly number[], tolerance: number): boolean =>
  left.length === right.length &&
  left.every((value, index) => {
    const other = right[index]!
    return Math.abs(value - other) <= tolerance * Math.max(Math.abs(value), Math.abs(other))
  })
