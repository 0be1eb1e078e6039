import { type LoadModelOptions, readDecoding, type SpeechRecognizer, type SpeechTranscript } from '@babble/core'
import { receptiveField, samplesPerFrame } from '../geometry'
import { Wav2Vec2ForCTC } from '../heads/ctc'
import { type Transcript, Wav2Vec2Recognizer } from '../heads/recognizer'
import { labelsOf } from '../heads/transcript-decoder'
import { Wav2Vec2Processor } from '../processor'

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

/** Opens a fine-tuned model directory for transcription. */
export const loadRecognizer = async (directory: string, options: LoadModelOptions = {}): Promise<SpeechRecognizer> => {
  const { batchSize = 8, decoding } = options
  // The vocabulary and the search first: where they fail, the parameters need not be read.
  const processor = await Wav2Vec2Processor.fromPretrained(directory)
  const { tokenizer, featureExtractor } = processor
  const unit = tokenizer.units === 'words' && decoding?.lexicon === undefined ? 'token' : 'word'
  const search = decoding && (await readDecoding(decoding, labelsOf(tokenizer), unit))
  const model = await Wav2Vec2ForCTC.fromPretrained(directory)
  const recognizer = new Wav2Vec2Recognizer(model, processor, {
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
