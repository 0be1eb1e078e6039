import type { HostRng } from '../random/index'

export interface DistractorOptions {
  /** Positions of one utterance's masked frames (or any other labels for them). */
  readonly maskedFrames: readonly number[]
  /** Distractors for each masked frame (K = 100 in wav2vec 2.0). */
  readonly distractors: number
  readonly rng: HostRng
}

/**
 * Draws distractors for the contrastive task (wav2vec 2.0, section 3.2): for each masked frame, K times uniformly and with
 * replacement one of the *other* masked frames of the same utterance.
 *
 * A frame that is the only masked one is its own distractor; the contrastive loss gives such a negative no weight.
 *
 * @returns entries of `maskedFrames`, `[maskedFrames.length, distractors]` row by row.
 */
export const sampleDistractors = ({ maskedFrames, distractors, rng }: DistractorOptions): Int32Array => {
  const count = maskedFrames.length
  const drawn = new Int32Array(count * distractors)
  for (let frame = 0; frame < count; frame++) {
    for (let k = 0; k < distractors; k++) {
      // Of the count - 1 others: those from `frame` on move up by one.
      const other = count > 1 ? rng.int(count - 1) : 0
      drawn[frame * distractors + k] = maskedFrames[count > 1 && other >= frame ? other + 1 : other]!
    }
  }
  return drawn
}
