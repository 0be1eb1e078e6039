import { type Recording, type WordErrorRate, wordErrorRate } from '@babble/core'

/** What was recognised in a recording. */
export interface Transcript {
  readonly recording: Recording & { readonly text: string; readonly speaker: string }
  readonly hypothesis: string
  /** The words heard, and the middles of the stretches they were heard in, in seconds. */
  readonly words: readonly { readonly word: string; readonly seconds: number }[]
}

/** Word error rate of transcripts. */
export const errorRate = (transcripts: readonly Transcript[]): WordErrorRate =>
  wordErrorRate(
    transcripts.map(({ recording }) => recording.text),
    transcripts.map(({ hypothesis }) => hypothesis),
  )
