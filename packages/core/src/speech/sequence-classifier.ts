import * as tf from '@tensorflow/tfjs-core'
import { BatchedInference, type InferenceOptions } from './batched-inference'
import { SpeechFeatureExtractor } from './feature-extractor'
import type { SequenceClassificationModel } from './sequence-classification'

export interface SequenceClassifierOptions extends InferenceOptions {
  /** What makes waveforms into the model's input. Default: 16000 Hz, normalised. */
  readonly featureExtractor?: SpeechFeatureExtractor
}

/** What an utterance was taken for. */
export interface Classification {
  /** The name of the most likely class. */
  readonly label: string
  /** Its number. */
  readonly id: number
  /** Its probability. */
  readonly probability: number
  /** Those of all classes, in the order of `id2label`. */
  readonly probabilities: Float32Array
}

/** Says which class each of any number of waveforms is of. */
export class SequenceClassifier {
  readonly #model: SequenceClassificationModel
  readonly #inference: BatchedInference

  /** @throws ConfigError when an option is out of range. */
  constructor(model: SequenceClassificationModel, options: SequenceClassifierOptions = {}) {
    this.#model = model
    this.#inference = new BatchedInference(
      'classification',
      model.config,
      options.featureExtractor ?? new SpeechFeatureExtractor(),
      (inputs) => tf.softmax(model.forward(inputs).logits),
      options,
    )
  }

  /**
   * @param waveforms mono, at the extractor's sampling rate.
   * @throws AudioError for an empty waveform or samples that are not finite; DataError for one shorter than a frame.
   */
  async classify(waveforms: readonly Float32Array[]): Promise<Classification[]> {
    const { id2label } = this.#model.config
    return await this.#inference.run(waveforms, ({ values: probabilities }) => {
      const id = probabilities.reduce((best, value, at) => (value > probabilities[best]! ? at : best), 0)
      return { label: id2label[id]!, id, probability: probabilities[id]!, probabilities }
    })
  }

  dispose(): void {
    this.#inference.dispose()
  }
}
