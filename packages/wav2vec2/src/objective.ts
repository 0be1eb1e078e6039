import {
  type Batch,
  ConfigError,
  DataError,
  featurePenalty,
  type Objective,
  type ObjectiveContext,
  type ObjectiveResult,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import type { Wav2Vec2ForPreTraining, Wav2Vec2PretrainingInputs } from './heads/pretraining'

export interface GumbelTemperatureOptions {
  /** Temperature at the first update. Default 2. */
  readonly start?: number
  /** The temperature does not fall below this. Default 0.5 (the paper's BASE; LARGE has 0.1). */
  readonly end?: number
  /** Factor from one update to the next. Default 0.999995. */
  readonly decay?: number
}

/** Temperature of the Gumbel softmax at an update (section 4.2): max(start * decay^step, end), worked out on the engine. */
export const gumbelTemperature = (step: tf.Scalar, options: GumbelTemperatureOptions = {}): tf.Scalar => {
  const { start = 2, end = 0.5, decay = 0.999995 } = options
  return tf.maximum(tf.mul(tf.exp(tf.mul(step, Math.log(decay))), start), end) as tf.Scalar
}

export interface Wav2Vec2PretrainingObjectiveOptions {
  readonly gumbelTemperature?: GumbelTemperatureOptions
  /** Factor on the gradient that reaches the feature encoder. Default 0.1 (the paper's BASE; fairseq has 1 for LARGE). */
  readonly featureGradMult?: number
  /** Weight of the mean square of the feature encoder's output, for each masked frame. Default 0; fairseq has 10 for BASE. */
  readonly featurePenaltyWeight?: number
}

/**
 * Pre-training as in section 3.2: contrastive loss plus diversity loss, and fairseq's penalty on large features where it has a weight.
 * The loss is a sum over the masked frames, whose number is the metric `sampleSize`.
 *
 * Further metrics: `contrastiveLoss`, `diversityLoss` (a masked frame's, in nats and unweighted), `featurePenalty`,
 * `contrastiveAccuracy`, `codePerplexity` and `probPerplexity` (summed over codebooks; the most is their number of entries), and
 * `temperature`.
 *
 * Batches are those of `pretrainingBatches`: `inputValues`, `maskTimeIndices` and `sampledNegativeIndices`, with or without
 * `attentionMask`.
 */
export class Wav2Vec2PretrainingObjective implements Objective {
  readonly name = 'wav2vec2-pretraining'
  readonly reductions = { contrastiveLoss: 'perSample', diversityLoss: 'perSample' } as const
  readonly #model: Wav2Vec2ForPreTraining
  readonly #options: Wav2Vec2PretrainingObjectiveOptions

  /** @throws ConfigError for a temperature that does not fall, or a negative weight. */
  constructor(model: Wav2Vec2ForPreTraining, options: Wav2Vec2PretrainingObjectiveOptions = {}) {
    const { start = 2, end = 0.5, decay = 0.999995 } = options.gumbelTemperature ?? {}
    if (!(end > 0 && start >= end && decay > 0 && decay <= 1)) {
      throw new ConfigError(`the Gumbel temperature goes from ${start} to ${end} by ${decay} a step.`, {
        field: 'gumbelTemperature',
        cure: 'It must start at or above its end, which is above 0, and its decay lies above 0 and up to 1.',
      })
    }
    for (const field of ['featureGradMult', 'featurePenaltyWeight'] as const) {
      const value = options[field] ?? 0
      if (!(value >= 0)) throw new ConfigError(`${field} is ${value}.`, { field, cure: 'Make it at least 0.' })
    }
    this.#model = model
    this.#options = options
  }

  loss(batch: Batch, { rng, training, step }: ObjectiveContext): ObjectiveResult {
    const { featureGradMult = 0.1, featurePenaltyWeight = 0 } = this.#options
    for (const name of ['inputValues', 'maskTimeIndices', 'sampledNegativeIndices']) {
      if (!batch[name]) {
        throw new DataError(`the batch has no ${name}.`, { field: name, cure: 'Make batches with pretrainingBatches.' })
      }
    }
    const temperature = gumbelTemperature(step, this.#options.gumbelTemperature)
    const inputs = { ...batch, gumbelTemperature: temperature } as Wav2Vec2PretrainingInputs & Batch
    const output = this.#model.forward(inputs, { training, rng }, { featureGradMult })
    const sampleSize = output.sampleSize!
    const penalty = featurePenalty(output.convFeatures)
    const loss =
      featurePenaltyWeight === 0
        ? output.loss!
        : (tf.add(output.loss!, tf.mul(tf.mul(penalty, featurePenaltyWeight), sampleSize)) as tf.Scalar)
    return {
      loss,
      metrics: {
        sampleSize,
        contrastiveLoss: output.contrastiveLoss!,
        diversityLoss: output.diversityLoss!,
        featurePenalty: penalty,
        contrastiveAccuracy: output.contrastiveAccuracy!,
        codePerplexity: output.quantized.codePerplexity,
        probPerplexity: output.quantized.probPerplexity,
        temperature,
      },
    }
  }
}
