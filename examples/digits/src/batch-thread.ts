/** The program of the thread that makes the demo's batches: joining, resampling and colouring voices takes as long as a step. */
import { serveBatches } from '@babble/core'
import { type DigitRecording, digitProcessor } from '@babble/example-common'
import { type LabelledStringsOptions, labelledStrings, pretrainingStrings, type StringsOptions } from './strings'
import { Voices } from './voices'

type Plain<Options> = Omit<Options, 'voices' | 'processor'>

/** What the thread is given: the options of a source, and the recordings that its voices are made of. */
export interface BatchThreadData {
  readonly recordings: readonly DigitRecording[]
  readonly sampleRate: number
  readonly pretraining?: Plain<StringsOptions>
  readonly labelled?: Plain<LabelledStringsOptions>
}

serveBatches(({ recordings, sampleRate, pretraining, labelled }: BatchThreadData) => {
  const voices = new Voices(recordings, sampleRate)
  return labelled
    ? labelledStrings({ ...labelled, voices, processor: digitProcessor(sampleRate) })
    : pretrainingStrings({ ...pretraining!, voices })
})
