import { loadRecordings, type Recording } from '@babble/core'
import type { Corpus, Split } from './corpus/corpus'
import { say } from './program'

/** A recording of one digit. */
export interface DigitRecording extends Recording {
  readonly text: string
  readonly speaker: string
}

/** A corpus in memory. */
export type CorpusParts = Readonly<Record<Split, readonly DigitRecording[]>>

/** Reads a corpus, and says what there is of it and what was left out. */
export const loadParts = async (
  { clips }: Corpus,
  sampleRate: number,
  onTask: (activity: string, done: number, total: number) => void,
): Promise<CorpusParts> => {
  const { recordings, skipped } = await loadRecordings(clips, {
    sampleRate,
    onProgress: (done, total) => onTask('Reading recordings', done, total),
  })
  for (const { path, reason } of skipped.slice(0, 5)) say(`Left out ${path}: ${reason}`)
  if (skipped.length > 5) say(`Left out ${skipped.length - 5} more`)
  const part = (split: Split) => recordings.filter((recording) => recording.split === split) as DigitRecording[]
  const parts = { train: part('train'), valid: part('valid'), test: part('test') }
  const { train, valid, test } = parts
  say(
    `${train.length} recordings to train on, ${valid.length} held out of the same speakers, ${test.length} of a speaker that training does not hear`,
  )
  return parts
}
