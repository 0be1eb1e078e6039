import {
  type Batch,
  ConfigError,
  DataError,
  maskedPredictionMetrics,
  type Objective,
  type ObjectiveContext,
  type ObjectiveResult,
} from '@babble/core'
import type { HubertForPreTraining, HubertPretrainingInputs, HubertPretrainingOptions } from './heads/pretraining'

export interface HubertPretrainingObjectiveOptions
  extends Pick<HubertPretrainingOptions, 'maskedWeight' | 'unmaskedWeight' | 'featurePenaltyWeight'> {
  /** Factor on the gradient that reaches the feature encoder. Default 0.1 (the paper's BASE; fairseq has 1 for LARGE). */
  readonly featureGradMult?: number
}

/**
 * Pre-training as in section II: masked prediction of clusters, plus fairseq's penalty on large features. The loss is a sum over the
 * frames that count, whose number is the metric `sampleSize`. Further metrics are those of `maskedPredictionMetrics`, and `featurePenalty`.
 *
 * Batches are those of `hubertPretrainingBatches`: `inputValues`, `maskTimeIndices` and `targets`, with or without `attentionMask`.
 */
export class HubertPretrainingObjective implements Objective {
  readonly name = 'hubert-pretraining'
  readonly #model: HubertForPreTraining
  readonly #options: HubertPretrainingObjectiveOptions

  /** @throws ConfigError for a negative weight, or for weights of zero. */
  constructor(model: HubertForPreTraining, options: HubertPretrainingObjectiveOptions = {}) {
    const { maskedWeight = 1, unmaskedWeight = 0, featureGradMult = 0.1, featurePenaltyWeight = 10 } = options
    for (const [field, value] of Object.entries({
      maskedWeight,
      unmaskedWeight,
      featureGradMult,
      featurePenaltyWeight,
    })) {
      if (!(value >= 0)) throw new ConfigError(`${field} is ${value}.`, { field, cure: 'Make it at least 0.' })
    }
    if (maskedWeight === 0 && unmaskedWeight === 0) {
      throw new ConfigError('no frame has a weight.', {
        field: 'maskedWeight',
        cure: 'Set maskedWeight to 1, as the paper does.',
      })
    }
    this.#model = model
    this.#options = { ...options, featureGradMult }
  }

  loss(batch: Batch, { rng, training }: ObjectiveContext): ObjectiveResult {
    for (const name of ['inputValues', 'maskTimeIndices', 'targets']) {
      if (!batch[name]) {
        throw new DataError(`the batch has no ${name}.`, {
          field: name,
          cure: 'Make batches with hubertPretrainingBatches.',
        })
      }
    }
    const inputs = batch as Batch & HubertPretrainingInputs
    const { loss, prediction, featurePenalty } = this.#model.forward(inputs, { training, rng }, this.#options)
    return { loss: loss!, metrics: { ...maskedPredictionMetrics(prediction!), featurePenalty: featurePenalty! } }
  }
}
