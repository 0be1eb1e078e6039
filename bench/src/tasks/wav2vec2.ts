import { type HostBatch, HostRng, Initializer, intArray } from '@babble/core'
import {
  pretrainingBatches,
  readWav2Vec2Config,
  type Wav2Vec2Config,
  Wav2Vec2CtcObjective,
  Wav2Vec2ForCTC,
  Wav2Vec2ForPreTraining,
  Wav2Vec2PretrainingObjective,
} from '@babble/wav2vec2'
import type { CtcSpecification, PretrainingSpecification, Specification } from '../specification'
import { noiseRecordings, randomIntegers } from './noise'
import type { Task } from './task'

/** Masks as Transformers draws them; in the order given, so that each batch has the lengths of the specification. */
const maskedNoise = async (
  specification: Specification,
  config: Wav2Vec2Config,
  count: number,
): Promise<HostBatch[]> => {
  const source = pretrainingBatches(noiseRecordings(specification, count), {
    config,
    batchSize: specification.batch.size,
    seed: 1,
    maskVariant: 'hf',
    fit: 'pad',
    shuffle: false,
  })
  return Promise.all(Array.from({ length: count }, (_, index) => source.batch(0, index)))
}

/** wav2vec 2.0's contrastive and diversity losses. */
export const pretraining: Task<PretrainingSpecification> = {
  build({ model: fields, training }, path) {
    const model = new Wav2Vec2ForPreTraining(readWav2Vec2Config(fields, path), new Initializer(0))
    const temperature = training.gumbelTemperature
    const objective = new Wav2Vec2PretrainingObjective(model, {
      gumbelTemperature: { start: temperature, end: temperature, decay: 1 },
      featureGradMult: 1,
      featurePenaltyWeight: 0,
    })
    return { model, objective }
  },
  async batches(specification, path, count) {
    const config = readWav2Vec2Config(specification.model, path)
    const batches = await maskedNoise(specification, config, count)
    // All utterances have the same length: neither side has an attention mask.
    return batches.map(({ attentionMask: _, ...batch }) => batch)
  },
}

/** Fine-tuning of wav2vec 2.0 with CTC. */
export const ctc: Task<CtcSpecification> = {
  build({ model: fields, training }, path) {
    const model = new Wav2Vec2ForCTC(readWav2Vec2Config(fields, path), new Initializer(0))
    if (training.freezeFeatureEncoder) model.freezeFeatureEncoder()
    return { model, objective: new Wav2Vec2CtcObjective(model) }
  },
  async batches(specification, path, count) {
    const config = readWav2Vec2Config(specification.model, path)
    const { size, labels } = specification.batch
    const rng = new HostRng(1, 'labels')
    const batches = await maskedNoise(specification, config, count)
    return batches.map(({ sampledNegativeIndices: _, ...batch }) => ({
      ...batch,
      // Any unit but the blank, which is unit 0.
      labels: intArray(randomIntegers(rng, size * labels, 1, config.vocabSize), [size, labels]),
    }))
  },
}
