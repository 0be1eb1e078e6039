import { type Objective, type ObjectiveResult, Trainer } from '@babble/core'
import {
  pretrainingBatches,
  Wav2Vec2ForPreTraining,
  Wav2Vec2PretrainingObjective,
  wav2vec2Tiny,
} from '@babble/wav2vec2'
import * as tf from '@tensorflow/tfjs-core'

// What a user's own package writes: a model, the shared trainer, and an objective of their own.
const config = wav2vec2Tiny({ numHiddenLayers: 1 })
const model = new Wav2Vec2ForPreTraining(config)
const objective: Objective = new Wav2Vec2PretrainingObjective(model)
const wrapped: Objective = {
  name: 'doubled',
  loss: (batch, context): ObjectiveResult => {
    const { loss, metrics } = objective.loss(batch, context)
    return { loss: tf.mul(loss, 2) as tf.Scalar, metrics }
  },
}
export const train = () =>
  new Trainer({
    model,
    objective: wrapped,
    data: pretrainingBatches([], { config, batchSize: 2, seed: 1 }),
    maxSteps: 1,
    optimizer: { learningRate: 1e-3 },
    seed: 1,
  }).run()

// @ts-expect-error a model size is a number
wav2vec2Tiny({ hiddenSize: 'large' })
