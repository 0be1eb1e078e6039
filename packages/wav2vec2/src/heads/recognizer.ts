import {
  type CompiledFunction,
  characterErrorRate,
  compile,
  DataError,
  type Recording,
  toTensors,
  wordErrorRate,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import { frameCount, receptiveField } from '../geometry'
import type { Wav2Vec2Processor } from '../processor'
import type { WordSpan } from '../tokenizer'
import type { Wav2Vec2ForCTC } from './ctc'

export interface Wav2Vec2RecognizerOptions {
  /** Utterances at a time. Default 8. */
  readonly batchSize?: number
  /**
   * Batches are padded to a multiple of this many samples, so that few programs are compiled. Default 16000. In a model whose group
   * norm takes padding in (`groupNormPadding: 'reference'`) padding changes the output a little: 1 keeps it least.
   */
  readonly padToMultipleOf?: number
}

/** What was said in an utterance. */
export interface Transcript {
  readonly text: string
  /** The words with their frames of 20 ms. */
  readonly words: readonly WordSpan[]
}

/** Transcribes waveforms by the most likely CTC path of a fine-tuned model. */
export class Wav2Vec2Recognizer {
  readonly #model: Wav2Vec2ForCTC
  readonly #processor: Wav2Vec2Processor
  readonly #batchSize: number
  readonly #multiple: number
  readonly #program: CompiledFunction<[{ inputValues: tf.Tensor; attentionMask: tf.Tensor }], tf.Tensor>

  constructor(model: Wav2Vec2ForCTC, processor: Wav2Vec2Processor, options: Wav2Vec2RecognizerOptions = {}) {
    this.#model = model
    this.#processor = processor
    this.#batchSize = options.batchSize ?? 8
    this.#multiple = options.padToMultipleOf ?? 16000
    this.#program = compile((inputs) => tf.argMax(model.forward(inputs).logits, -1), { name: 'wav2vec2 recognition' })
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
      const ids = await this.#bestPath(part)
      part.forEach(({ length }, item) => {
        const path = ids[item]!.subarray(0, frameCount(config, length))
        const { tokenizer } = this.#processor
        transcripts.push({ text: tokenizer.decode(path), words: tokenizer.decodeWords(path) })
      })
    }
    return transcripts
  }

  dispose(): void {
    this.#program.dispose()
  }

  /** The best unit of each frame, for each waveform. */
  async #bestPath(waveforms: readonly Float32Array[]): Promise<Int32Array[]> {
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
    const best = this.#program(inputs)
    const ids = (await best.data()) as Int32Array
    const frames = best.shape[1]!
    tf.dispose([inputs, best])
    return waveforms.map((_, item) => ids.slice(item * frames, (item + 1) * frames))
  }
}

/**
 * An evaluation for a `Trainer`: word and character error rate of a model's transcripts of recordings, whose `text` is the reference.
 *
 * @throws DataError naming a recording without text.
 */
export const errorRateEvaluator = (
  recognizer: Wav2Vec2Recognizer,
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
