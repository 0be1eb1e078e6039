/**
 * A second opinion in attention beam search: scores the candidates that the decoder proposes, on the host. A state is what has been
 * said so far; it is never changed, since beams share it.
 */
export interface TokenScorer<State = unknown> {
  /** Shown with the hypotheses' scores. */
  readonly name: string
  /** Factor of its natural log probabilities. */
  readonly weight: number
  /** The state before the first token of utterance `index` of the batch. */
  start(index: number): State
  /** Natural log probability of `token` (which may be the end token) after `state`. */
  score(state: State, token: number): number
  /** The state after `token`. */
  next(state: State, token: number): State
}
