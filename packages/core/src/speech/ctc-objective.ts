import * as tf from '@tensorflow/tfjs-core'
import { DataError } from '../errors'
import type { Batch, Objective, ObjectiveContext, ObjectiveResult } from '../train/index'
import type { CtcModel, CtcModelInputs } from './ctc-model'
import { frameMask } from './feature-projection'

/**
 * Fine-tuning with CTC (wav2vec 2.0, section 3.3). With `ctcLossReduction: 'sum'` the loss is a sum over the labels, whose number is the metric
 * `sampleSize`; with `mean` it is a mean over the utterances.
 *
 * The metric `blankShare` is the share of frames whose best unit is the blank: it is near 1 while a model has yet to learn to say
 * anything.
 *
 * Batches are those of `ctcBatches`: `inputValues`, `attentionMask`, `labels`, and masks where the data is augmented.
 */
export class CtcObjective implements Objective {
  readonly name = 'ctc'
  readonly #model: CtcModel

  constructor(model: CtcModel) {
    this.#model = model
  }

  loss(batch: Batch, { rng, training }: ObjectiveContext): ObjectiveResult {
    const { config } = this.#model
    for (const name of ['inputValues', 'attentionMask', 'labels']) {
      if (!batch[name])
        throw new DataError(`the batch has no ${name}.`, { field: name, cure: 'Make batches with ctcBatches.' })
    }
    const { loss, logits, frameLengths } = this.#model.forward(batch as Batch & CtcModelInputs, { training, rng })
    const valid = frameMask(frameLengths!, logits.shape[1])
    const best = tf.argMax(logits, -1)
    const blank = tf.cast(tf.equal(best, tf.scalar(config.padTokenId, 'int32')), 'float32')
    const blankShare = tf.div(tf.sum(tf.mul(blank, valid)), tf.maximum(tf.sum(valid), 1)) as tf.Scalar
    if (config.ctcLossReduction === 'mean') return { loss: loss!, metrics: { blankShare } }
    const labels = tf.cast(tf.greaterEqual(batch.labels!, tf.scalar(0, 'int32')), 'float32')
    return { loss: loss!, metrics: { blankShare, sampleSize: tf.sum(labels) as tf.Scalar } }
  }
}
