import { CtcTokenizer, SpeechFeatureExtractor, SpeechProcessor } from '@babble/core'
import { digitWords } from './corpus/corpus'

/** Turns waveforms into input, and digits as whole words into labels. */
export const digitProcessor = (samplingRate: number): SpeechProcessor =>
  new SpeechProcessor(
    new SpeechFeatureExtractor({ samplingRate }),
    CtcTokenizer.fromTexts([digitWords.join(' ')], { units: 'words' }),
  )
