import * as tf from '@tensorflow/tfjs-core'
import { type Recording, toTensors } from '../data/index'
import { characterErrorRate, wordErrorRate } from '../decode/index'
import { type CompiledFunction, compile } from '../engine/index'
import { ConfigError, DataError } from '../errors'
import type { CtcModel } from './ctc-model'
import type { CtcTokenizer, WordSpan } from './ctc-tokenizer'
import { frameCount, receptiveField } from './geometry'
import type { SpeechProcessor } from './speech-processor'
import { type TranscriptDecoderOptions, transcriptDecoder } from './transcript-decoder'

export interface CtcRecognizerOptions {
  /** Utterances at a time. Default 8. */
  readonly batchSize?: number
  /**
   * Batches are padded to a multiple of this many samples, so that few programs are compiled. Default 16000. In a model whose group
   * norm takes padding in (`groupNormPadding: 'reference'`) padding changes the output a little: 1 keeps it least.
   */
  readonly padToMultipleOf?: number
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
  readonly #processor: SpeechProcessor
  readonly #batchSize: number
  readonly #multiple: number
  readonly #program: CompiledFunction<[{ inputValues: tf.Tensor; attentionMask: tf.Tensor }], tf.Tensor>
  /** The transcript of an utterance's rows of the program's output: best units with their log probability, or all log probabilities. */
  readonly #read: (rows: Float32Array) => Transcript

  /** @throws ConfigError when an option is out of range, or one of the decoder does not fit the vocabulary. */
  constructor(model: CtcModel, processor: SpeechProcessor, options: CtcRecognizerOptions = {}) {
    this.#model = model
    this.#processor = processor
    this.#batchSize = options.batchSize ?? 8
    this.#multiple = options.padToMultipleOf ?? 16000
    for (const [field, value] of Object.entries({ batchSize: this.#batchSize, padToMultipleOf: this.#multiple })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new ConfigError(`${field} is ${value}.`, { field, cure: 'Use a whole number from 1.' })
      }
    }
    const { decoder } = options
    if (decoder) {
      const decode = transcriptDecoder(processor.tokenizer, decoder)
      this.#read = (rows) => decode(rows)
    } else this.#read = (rows) => bestPath(processor.tokenizer, rows)
    this.#program = compile(
      (inputs) => {
        const { logits } = model.forward(inputs)
        const logProbs = tf.logSoftmax(logits)
        if (decoder) return logProbs
        // float32 holds the numbers of units exactly.
        return tf.stack([tf.cast(tf.argMax(logits, -1), 'float32'), tf.max(logProbs, -1)], -1)
      },
      { name: 'recognition' },
    )
  }

  /**
   * @param waveforms mono, at the processor's sampling rate.
   * @throws AudioError for an empty waveform or samples that are not finite; DataError for one shorter than a frame.
   */
  async transcribe(waveforms: readonly Float32Array[]): Promise<Transcript[]> {
    const { config } = this.#model
    const least = receptiveField(config)
    const short = waveforms.findIndex(({ length }) => length > 0 && length < least)
    if (short >= 0) {
      throw new DataError(
        `waveform ${short} has ${waveforms[short]!.length} samples, but a frame is made of ${least}.`,
        {
          cure: 'Leave it out.',
        },
      )
    }
    const transcripts: Transcript[] = []
    for (let start = 0; start < waveforms.length; start += this.#batchSize) {
      const part = waveforms.slice(start, start + this.#batchSize)
      const { rows, width } = await this.#run(part)
      part.forEach(({ length }, item) => {
        transcripts.push(this.#read(rows[item]!.subarray(0, frameCount(config, length) * width)))
      })
    }
    return transcripts
  }

  dispose(): void {
    this.#program.dispose()
  }

  /** For each waveform the program's output for each frame, `width` values each. */
  async #run(waveforms: readonly Float32Array[]): Promise<{ rows: Float32Array[]; width: number }> {
    // The last batch is filled up, so that its program is the others'.
    const full = Array.from({ length: this.#batchSize }, (_, item) => waveforms[item] ?? waveforms[0]!)
    const longest = full.reduce((most, { length }) => Math.max(most, length), 0)
    const length = Math.ceil(longest / this.#multiple) * this.#multiple
    const { inputValues } = this.#processor.extract(full, { length })
    const attentionMask = {
      data: new Int32Array(full.length * length),
      shape: [full.length, length],
      dtype: 'int32' as const,
    }
    full.forEach((waveform, item) => {
      attentionMask.data.fill(1, item * length, item * length + waveform.length)
    })
    const inputs = toTensors({ inputValues, attentionMask }) as { inputValues: tf.Tensor; attentionMask: tf.Tensor }
    const output = this.#program(inputs)
    const values = (await output.data()) as Float32Array
    const [, frames, width] = output.shape as [number, number, number]
    tf.dispose([inputs, output])
    const size = frames * width
    return { rows: waveforms.map((_, item) => values.slice(item * size, (item + 1) * size)), width }
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
