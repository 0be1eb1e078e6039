import * as tf from '@tensorflow/tfjs-core'
import type { Recording } from '../data/index'
import { characterErrorRate, wordErrorRate } from '../decode/index'
import { DataError } from '../errors'
import { BatchedInference, type InferenceOptions } from './batched-inference'
import type { CtcModel } from './ctc-model'
import type { CtcTokenizer, WordSpan } from './ctc-tokenizer'
import { ownFrameCount } from './geometry'
import type { SpeechProcessor } from './speech-processor'
import { type TranscriptDecoderOptions, transcriptDecoder } from './transcript-decoder'

export interface CtcRecognizerOptions extends InferenceOptions {
  /** Beam search with a language model, a lexicon or hot words. Default: the most likely CTC path. */
  readonly decoder?: TranscriptDecoderOptions
}

/** What was said in an utterance. */
export interface Transcript {
  readonly text: string
  /** The words with their frames of 20 ms. */
  readonly words: readonly WordSpan[]
  /** Natural log probability of the most likely path, where there was no search. */
  readonly score?: number
  /** The best texts, best first, where a decoder was asked for `nBest`. */
  readonly alternatives?: readonly TranscriptAlternative[]
}

/** A text and its natural log probabilities; `score` decides. */
export interface TranscriptAlternative {
  readonly text: string
  readonly score: number
  readonly acousticScore: number
  readonly languageModelScore: number
}

/** Transcribes waveforms with a fine-tuned model: by its most likely CTC path, or by beam search. */
export class CtcRecognizer {
  readonly #model: CtcModel
  readonly #inference: BatchedInference
  /** The transcript of an utterance's rows of the program's output: best units with their log probability, or all log probabilities. */
  readonly #read: (rows: Float32Array) => Transcript

  /** @throws ConfigError when an option is out of range, or one of the decoder does not fit the vocabulary. */
  constructor(model: CtcModel, processor: SpeechProcessor, options: CtcRecognizerOptions = {}) {
    this.#model = model
    const { decoder } = options
    if (decoder) {
      const decode = transcriptDecoder(processor.tokenizer, decoder)
      this.#read = (rows) => decode(rows)
    } else this.#read = (rows) => bestPath(processor.tokenizer, rows)
    this.#inference = new BatchedInference(
      'recognition',
      model.config,
      processor.featureExtractor,
      (inputs) => {
        const { logits } = model.forward(inputs)
        const logProbs = tf.logSoftmax(logits)
        if (decoder) return logProbs
        // float32 holds the numbers of units exactly.
        return tf.stack([tf.cast(tf.argMax(logits, -1), 'float32'), tf.max(logProbs, -1)], -1)
      },
      options,
    )
  }

  /**
   * @param waveforms mono, at the processor's sampling rate.
   * @throws AudioError for an empty waveform or samples that are not finite; DataError for one shorter than a frame.
   */
  async transcribe(waveforms: readonly Float32Array[]): Promise<Transcript[]> {
    const { config } = this.#model
    return await this.#inference.run(waveforms, ({ values, shape, samples, paddedSamples }) =>
      this.#read(values.subarray(0, ownFrameCount(config, samples, paddedSamples) * shape[1]!)),
    )
  }

  dispose(): void {
    this.#inference.dispose()
  }
}

/** @param rows Of each frame the best unit and its log probability. */
const bestPath = (tokenizer: CtcTokenizer, rows: Float32Array): Transcript => {
  const path = rows.filter((_, at) => at % 2 === 0)
  const score = rows.reduce((sum, value, at) => (at % 2 === 0 ? sum : sum + value), 0)
  return { text: tokenizer.decode(path), words: tokenizer.decodeWords(path), score }
}

/**
 * An evaluation for a `Trainer`: word and character error rate of a model's transcripts of recordings, whose `text` is the reference.
 *
 * @throws DataError naming a recording without text.
 */
export const errorRateEvaluator = (
  recognizer: CtcRecognizer,
  recordings: readonly Recording[],
): (() => Promise<{ wordErrorRate: number; characterErrorRate: number }>) => {
  const references = recordings.map(({ path, text }) => {
    if (text === undefined)
      throw new DataError('it has no text.', { file: path, field: 'text', cure: 'Leave it out of the evaluation.' })
    return text
  })
  return async () => {
    const transcripts = await recognizer.transcribe(recordings.map(({ waveform }) => waveform))
    const hypotheses = transcripts.map(({ text }) => text)
    return {
      wordErrorRate: wordErrorRate(references, hypotheses).rate,
      characterErrorRate: characterErrorRate(references, hypotheses).rate,
    }
  }
}
