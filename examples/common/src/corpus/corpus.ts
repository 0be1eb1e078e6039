import type { Clip } from '@babble/core'

/** The digits, by value. */
export const digitWords = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'] as const

/**
 * What a clip is used for. `train` and `valid` are takes of the same speakers; the speaker of `test` is heard nowhere else.
 */
export type Split = 'train' | 'valid' | 'test'

/** A spoken digit on disk. */
export interface DigitClip extends Clip {
  readonly text: string
  readonly speaker: string
  readonly split: Split
}

/** Recordings of spoken digits. */
export interface Corpus {
  readonly clips: readonly DigitClip[]
  /** Where they come from, in one line. */
  readonly source: string
  /** Whether a machine speaks. */
  readonly synthetic: boolean
}

/** Told of progress: what is being done, and how much of it. */
export type CorpusProgress = (activity: string, done: number, total: number) => void

export const unseenSpeaker = 'george'
export const seenSpeakers = ['jackson', 'lucas', 'nicolas', 'theo'] as const

/** Takes of seen speakers that training never hears. */
export const validTakes = 5
/** Takes in use of each speaker and digit. */
export const takesInUse = 30

/** The split of a take of the Free Spoken Digit Dataset; none for speakers and takes that are not in use. */
export const splitOf = (speaker: string, take: number): Split | undefined => {
  if (take >= takesInUse) return undefined
  if (speaker === unseenSpeaker) return 'test'
  if (!(seenSpeakers as readonly string[]).includes(speaker)) return undefined
  return take < validTakes ? 'valid' : 'train'
}
