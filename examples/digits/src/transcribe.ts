import { type CompiledFunction, compile } from '@babble/core'
import type { DigitRecording, Transcript } from '@babble/example-common'
import {
  frameCount,
  receptiveField,
  samplesPerFrame,
  type Wav2Vec2ForCTC,
  type Wav2Vec2Processor,
} from '@babble/wav2vec2'
import * as tf from '@tensorflow/tfjs-core'

export interface TranscriberOptions {
  readonly model: Wav2Vec2ForCTC
  readonly processor: Wav2Vec2Processor
  /** Recordings at a time. */
  readonly batchSize: number
  /** Samples that each is padded to: at least the longest. */
  readonly samples: number
}

/** Transcribes recordings by the best unit of each frame, in batches of one shape: one compiled program. */
export class Transcriber {
  readonly #options: TranscriberOptions
  readonly #best: CompiledFunction<[inputs: { inputValues: tf.Tensor; attentionMask: tf.Tensor }], tf.Tensor>

  constructor(options: TranscriberOptions) {
    this.#options = options
    this.#best = compile((inputs) => tf.argMax(options.model.forward(inputs).logits, -1), { name: 'transcription' })
  }

  async transcribe(recordings: readonly DigitRecording[]): Promise<Transcript[]> {
    const { model, processor, batchSize, samples } = this.#options
    const { config } = model
    const frames = frameCount(config, samples)
    const transcripts: Transcript[] = []
    for (let start = 0; start < recordings.length; start += batchSize) {
      const part = recordings.slice(start, start + batchSize)
      // The last batch is filled up with its first recording, to keep the shape.
      const waveforms = Array.from({ length: batchSize }, (_, item) => (part[item] ?? part[0]!).waveform)
      const { inputValues } = processor.extract(waveforms, {
        length: samples,
        samplingRate: processor.featureExtractor.samplingRate,
      })
      const attentionMask = new Int32Array(batchSize * samples)
      waveforms.forEach(({ length }, item) => {
        attentionMask.fill(1, item * samples, item * samples + length)
      })
      const inputs = {
        inputValues: tf.tensor2d(inputValues.data as Float32Array, [batchSize, samples]),
        attentionMask: tf.tensor2d(attentionMask, [batchSize, samples], 'int32'),
      }
      const best = this.#best(inputs)
      const units = await best.data()
      tf.dispose([best, inputs.inputValues, inputs.attentionMask])
      part.forEach((recording, item) => {
        const valid = Math.max(0, frameCount(config, recording.waveform.length))
        const path = units.subarray(item * frames, item * frames + valid)
        transcripts.push({ recording, hypothesis: processor.decode(path), words: this.#timed(path) })
      })
    }
    return transcripts
  }

  dispose(): void {
    this.#best.dispose()
  }

  #timed(path: ArrayLike<number>): Transcript['words'] {
    const { model, processor } = this.#options
    const { samplingRate } = processor.featureExtractor
    return processor.tokenizer.decodeWords(path).map(({ word, startFrame, endFrame }) => {
      const middle = (startFrame + endFrame - 1) / 2
      return {
        word,
        seconds: (middle * samplesPerFrame(model.config) + receptiveField(model.config) / 2) / samplingRate,
      }
    })
  }
}
