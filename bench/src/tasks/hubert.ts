import { HostRng, Initializer, labelsInMemory } from '@babble/core'
import {
  HubertForPreTraining,
  HubertPretrainingObjective,
  hubertPretrainingBatches,
  readHubertConfig,
} from '@babble/hubert'
import type { MaskedPredictionSpecification } from '../specification'
import { noiseRecordings, randomIntegers } from './noise'
import type { Task } from './task'

/** HuBERT's pre-training: the clusters of masked frames, and fairseq's penalty on large features. */
export const maskedPrediction: Task<MaskedPredictionSpecification> = {
  build({ model: fields, training }, path) {
    const model = new HubertForPreTraining(readHubertConfig(fields, path), new Initializer(0))
    const { featureGradMult, featurePenaltyWeight } = training
    const objective = new HubertPretrainingObjective(model, {
      maskedWeight: 1,
      unmaskedWeight: 0,
      featureGradMult,
      featurePenaltyWeight,
    })
    return { model, objective }
  },
  async batches(specification, path, count) {
    const config = readHubertConfig(specification.model, path)
    const { size, seconds } = specification.batch
    const rng = new HostRng(1, 'clusters')
    const perUtterance = Math.round(seconds * config.labelRate)
    const labels = config.numClasses.map((classes) =>
      labelsInMemory(Array.from({ length: count * size }, () => randomIntegers(rng, perUtterance, 0, classes))),
    )
    const source = await hubertPretrainingBatches(noiseRecordings(specification, count), labels, {
      config,
      batchSize: size,
      seed: 1,
      fit: 'pad',
      shuffle: false,
    })
    const batches = await Promise.all(Array.from({ length: count }, (_, index) => source.batch(0, index)))
    // All utterances have the same length: neither side has an attention mask.
    return batches.map(({ attentionMask: _, ...batch }) => batch)
  },
}
