import * as tf from '@tensorflow/tfjs-core'
import { DataError } from '../errors'
import { crossEntropy } from '../losses/index'
import type { Batch, MetricReduction, Objective, ObjectiveContext, ObjectiveResult } from '../train/index'
import type { SequenceClassificationInputs, SequenceClassificationModel } from './sequence-classification'

/**
 * Fine-tuning to classify utterances. The loss is cross-entropy summed over the utterances that have a label, whose number is the metric `sampleSize`; `accuracy` is the
 * share of them whose class scores highest.
 *
 * Batches are those of `classificationBatches`: `inputValues`, `attentionMask`, `labels`, and masks where the data is augmented.
 */
export class SequenceClassificationObjective implements Objective {
  readonly name = 'sequence-classification'
  readonly reductions: Readonly<Record<string, MetricReduction>> = { accuracy: 'perSample' }
  readonly #model: SequenceClassificationModel

  constructor(model: SequenceClassificationModel) {
    this.#model = model
  }

  loss(batch: Batch, { rng, training }: ObjectiveContext): ObjectiveResult {
    for (const name of ['inputValues', 'labels']) {
      if (!batch[name])
        throw new DataError(`the batch has no ${name}.`, {
          field: name,
          cure: 'Make batches with classificationBatches.',
        })
    }
    const { labels, ...inputs } = batch as Batch & SequenceClassificationInputs
    const { logits } = this.#model.forward(inputs, { training, rng })
    const { loss, sampleSize, correct } = crossEntropy({ logits, targets: tf.cast(labels!, 'int32') })
    return { loss, metrics: { sampleSize, accuracy: correct } }
  }
}
