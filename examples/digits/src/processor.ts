import { Wav2Vec2CtcTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor } from '@babble/wav2vec2'
import { digitWords } from './corpus/corpus'

/** Turns waveforms into input, and digits as whole words into labels. */
export const digitProcessor = (samplingRate: number): Wav2Vec2Processor =>
  new Wav2Vec2Processor(
    new Wav2Vec2FeatureExtractor({ samplingRate }),
    Wav2Vec2CtcTokenizer.fromTexts([digitWords.join(' ')], { units: 'words' }),
  )
