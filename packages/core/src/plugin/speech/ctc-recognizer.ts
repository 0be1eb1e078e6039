import {
  type CtcModel,
  CtcRecognizer,
  labelsOf,
  receptiveField,
  SpeechProcessor,
  samplesPerFrame,
  type Transcript,
} from '../../speech/index'
import { readDecoding } from '../ctc-decoding'
import type { LoadModelOptions, SpeechRecognizer, SpeechTranscript } from '../model-plugin'

/** A transcript in seconds. */
const inSeconds = (
  { text, words, score, alternatives = [] }: Transcript,
  secondsPerFrame: number,
): SpeechTranscript => ({
  text,
  score: alternatives[0]?.score ?? score ?? Number.NEGATIVE_INFINITY,
  words: words.map(({ word, startFrame, endFrame }) => ({
    word,
    start: startFrame * secondsPerFrame,
    end: endFrame * secondsPerFrame,
  })),
  ...(alternatives.length > 1
    ? { alternatives: alternatives.slice(1).map(({ text, score }) => ({ text, score })) }
    : {}),
})

/**
 * Opens a model directory that was fine-tuned with CTC for transcription: a plugin's `loadRecognizer`.
 *
 * @param load Loads the model: `(directory) => HubertForCTC.fromPretrained(directory)`.
 */
export const loadCtcRecognizer = async (
  load: (directory: string) => Promise<CtcModel>,
  directory: string,
  options: LoadModelOptions = {},
): Promise<SpeechRecognizer> => {
  const { batchSize = 8, decoding } = options
  // The vocabulary and the search first: where they fail, the parameters need not be read.
  const processor = await SpeechProcessor.fromPretrained(directory)
  const { tokenizer, featureExtractor } = processor
  const unit = tokenizer.units === 'words' && decoding?.lexicon === undefined ? 'token' : 'word'
  const search = decoding && (await readDecoding(decoding, labelsOf(tokenizer), unit))
  const model = await load(directory)
  const recognizer = new CtcRecognizer(model, processor, {
    batchSize,
    ...(search ? { decoder: { ...search, nBest: decoding.alternatives ?? 1 } } : {}),
  })
  const sampleRate = featureExtractor.samplingRate
  const secondsPerFrame = samplesPerFrame(model.config) / sampleRate
  return {
    sampleRate,
    minSamples: receptiveField(model.config),
    batchSize,
    transcribe: async (waveforms) =>
      (await recognizer.transcribe(waveforms)).map((transcript) => inSeconds(transcript, secondsPerFrame)),
    dispose: () => {
      recognizer.dispose()
      model.dispose()
    },
  }
}
