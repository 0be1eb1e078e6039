import * as tf from '@tensorflow/tfjs-core'
import { toTensors } from '../data/index'
import { type CompiledFunction, compile } from '../engine/index'
import { ConfigError, DataError } from '../errors'
import type { SpeechFeatureExtractor } from './feature-extractor'
import { receptiveField } from './geometry'
import type { SpeechEncoderConfig } from './speech-encoder-config'

export interface InferenceOptions {
  /** Utterances at a time. Default 8. */
  readonly batchSize?: number
  /**
   * Batches are padded to a multiple of this many samples, so that few programs are compiled. Default 16000. In a model whose group
   * norm takes padding in (`groupNormPadding: 'reference'`) padding changes the output a little: 1 keeps it least.
   */
  readonly padToMultipleOf?: number
}

/** A padded batch on the engine, as a model's `forward` takes it. */
export interface InferenceInputs {
  /** float32 `[batch, samples]` */
  readonly inputValues: tf.Tensor
  /** int32 `[batch, samples]` */
  readonly attentionMask: tf.Tensor
  readonly [name: string]: tf.Tensor
}

/** One utterance's part of a program's output, without the batch axis. */
export interface UtteranceOutput {
  readonly values: Float32Array
  readonly shape: readonly number[]
  /** Samples of its waveform. */
  readonly samples: number
  /** Those of the batch that it was in. */
  readonly paddedSamples: number
}

/** A model's forward pass over any number of waveforms of any length, in batches of few shapes. */
export class BatchedInference {
  readonly #config: SpeechEncoderConfig
  readonly #extractor: SpeechFeatureExtractor
  readonly #batchSize: number
  readonly #multiple: number
  readonly #program: CompiledFunction<[InferenceInputs], tf.Tensor>

  /**
   * @param forward A program whose first output axis is the batch.
   * @throws ConfigError when an option is out of range.
   */
  constructor(
    name: string,
    config: SpeechEncoderConfig,
    extractor: SpeechFeatureExtractor,
    forward: (inputs: InferenceInputs) => tf.Tensor,
    { batchSize = 8, padToMultipleOf = 16000 }: InferenceOptions = {},
  ) {
    for (const [field, value] of Object.entries({ batchSize, padToMultipleOf })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new ConfigError(`${field} is ${value}.`, { field, cure: 'Use a whole number from 1.' })
      }
    }
    this.#config = config
    this.#extractor = extractor
    this.#batchSize = batchSize
    this.#multiple = padToMultipleOf
    this.#program = compile(forward, { name })
  }

  /**
   * @param waveforms mono, at the extractor's sampling rate.
   * @param read What is wanted of an utterance's output, which is not kept.
   * @throws AudioError for an empty waveform or samples that are not finite; DataError for one shorter than a frame.
   */
  async run<T>(waveforms: readonly Float32Array[], read: (output: UtteranceOutput) => T): Promise<T[]> {
    const least = receptiveField(this.#config)
    const short = waveforms.findIndex(({ length }) => length > 0 && length < least)
    if (short >= 0) {
      throw new DataError(
        `waveform ${short} has ${waveforms[short]!.length} samples, but a frame is made of ${least}.`,
        { cure: 'Leave it out.' },
      )
    }
    const results: T[] = []
    for (let start = 0; start < waveforms.length; start += this.#batchSize) {
      const outputs = await this.#batch(waveforms.slice(start, start + this.#batchSize))
      for (const output of outputs) results.push(read(output))
    }
    return results
  }

  dispose(): void {
    this.#program.dispose()
  }

  async #batch(waveforms: readonly Float32Array[]): Promise<UtteranceOutput[]> {
    // The last batch is filled up, so that its program is the others'.
    const full = Array.from({ length: this.#batchSize }, (_, item) => waveforms[item] ?? waveforms[0]!)
    const longest = full.reduce((most, { length }) => Math.max(most, length), 0)
    const length = Math.ceil(longest / this.#multiple) * this.#multiple
    const { inputValues } = this.#extractor.extract(full, { length })
    const attentionMask = {
      data: new Int32Array(full.length * length),
      shape: [full.length, length],
      dtype: 'int32' as const,
    }
    full.forEach((waveform, item) => {
      attentionMask.data.fill(1, item * length, item * length + waveform.length)
    })
    const inputs = toTensors({ inputValues, attentionMask }) as InferenceInputs
    const output = this.#program(inputs)
    const values = (await output.data()) as Float32Array
    const shape = output.shape.slice(1)
    tf.dispose([inputs, output])
    const size = shape.reduce((product, extent) => product * extent, 1)
    return waveforms.map(({ length: samples }, item) => ({
      values: values.slice(item * size, (item + 1) * size),
      shape,
      samples,
      paddedSamples: length,
    }))
  }
}
