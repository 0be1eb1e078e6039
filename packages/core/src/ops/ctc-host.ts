/** What {@link ctcOnHost} works on; arrays in row-major order. */
export interface HostCtcInput {
  /** [batch, time, vocabulary] */
  readonly logProbs: ArrayLike<number>
  /** [batch, maxTarget] */
  readonly targets: ArrayLike<number>
  /** [batch] */
  readonly inputLengths: ArrayLike<number>
  /** [batch] */
  readonly targetLengths: ArrayLike<number>
  readonly batch: number
  readonly time: number
  readonly vocabulary: number
  readonly maxTarget: number
  readonly blankId: number
}

const NEVER = Number.NEGATIVE_INFINITY

const logAdd = (a: number, b: number): number => {
  if (a === NEVER) return b
  if (b === NEVER) return a
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b))
}

/** CTC losses [batch] and their gradient with respect to the log probabilities, in float64 on the host. */
export const ctcOnHost = (input: HostCtcInput): { losses: Float32Array; gradient: Float32Array } => {
  const { batch, time, vocabulary } = input
  const losses = new Float32Array(batch)
  const gradient = new Float32Array(batch * time * vocabulary)
  for (let b = 0; b < batch; b++) losses[b] = oneUtterance(input, b, gradient)
  return { losses, gradient }
}

/** The loss of utterance `b`; its gradient is written to `gradient`. */
const oneUtterance = (input: HostCtcInput, b: number, gradient: Float32Array): number => {
  const { time, vocabulary, maxTarget, blankId, logProbs } = input
  const frames = Math.min(input.inputLengths[b]!, time)
  const length = input.targetLengths[b]!
  const states = 2 * length + 1
  if (frames === 0) return length === 0 ? 0 : Number.POSITIVE_INFINITY
  const label = (s: number): number => (s % 2 === 0 ? blankId : input.targets[b * maxTarget + (s - 1) / 2]!)
  const emission = (t: number, s: number): number => logProbs[(b * time + t) * vocabulary + label(s)]!
  // A label may follow its neighbour without a blank between, unless the two are equal.
  const canSkip = (s: number): boolean => s >= 2 && s % 2 === 1 && label(s) !== label(s - 2) && label(s) !== blankId

  const alpha = new Float64Array(frames * states).fill(NEVER)
  alpha[0] = emission(0, 0)
  if (states > 1) alpha[1] = emission(0, 1)
  for (let t = 1; t < frames; t++) {
    for (let s = 0; s < states; s++) {
      const before = (t - 1) * states + s
      let reached = alpha[before]!
      if (s >= 1) reached = logAdd(reached, alpha[before - 1]!)
      if (canSkip(s)) reached = logAdd(reached, alpha[before - 2]!)
      alpha[t * states + s] = reached + emission(t, s)
    }
  }
  const end = (frames - 1) * states
  const total = states > 1 ? logAdd(alpha[end + states - 1]!, alpha[end + states - 2]!) : alpha[end]!
  if (total === NEVER) return Number.POSITIVE_INFINITY

  // beta[s]: log probability of what follows frame t, from state s.
  let beta = new Float64Array(states).fill(NEVER)
  beta[states - 1] = 0
  if (states > 1) beta[states - 2] = 0
  for (let t = frames - 1; t >= 0; t--) {
    for (let s = 0; s < states; s++) {
      const occupancy = Math.exp(alpha[t * states + s]! + beta[s]! - total)
      gradient[(b * time + t) * vocabulary + label(s)]! -= occupancy
    }
    if (t === 0) break
    const earlier = new Float64Array(states).fill(NEVER)
    for (let s = 0; s < states; s++) {
      let left = beta[s]! + emission(t, s)
      if (s + 1 < states) left = logAdd(left, beta[s + 1]! + emission(t, s + 1))
      if (s + 2 < states && canSkip(s + 2)) left = logAdd(left, beta[s + 2]! + emission(t, s + 2))
      earlier[s] = left
    }
    beta = earlier
  }
  return -total
}
