// Hidden states, losses and gradients against Hugging Face Transformers 5.23 on PyTorch 2.13: see the READMEs in ../fixtures.
import { type Module, Rng } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining, type Wav2Vec2PretrainingOutput } from './heads/pretraining'
import type { Wav2Vec2ModelOutput } from './model'
import { Fixture } from './testing/fixture'

/** Loss, and gradients by parameter name. */
const differentiate = (model: Module, loss: () => tf.Tensor) => {
  const parameters = model.namedParameters()
  const { value, grads } = tf.variableGrads(() => loss() as tf.Scalar, [...parameters.values()])
  return { value, gradient: (name: string) => grads[parameters.get(name)!.name]! }
}

const report = (fixture: Fixture, engine: string): void => {
  if (process.env.BABBLE_REPORT_ERRORS) {
    console.log(`${engine} ${fixture.directory.split('/').at(-1)}: ${fixture.worst.error.toExponential(1)} (${fixture.worst.name})`)
  }
}

const compareStates = (fixture: Fixture, mode: string, output: Wav2Vec2ModelOutput): void => {
  for (const name of fixture.names(`${mode}.hidden_states.`)) {
    fixture.compare(name, output.hiddenStates![Number(name.split('.').at(-1))]!)
  }
  if (fixture.names(`${mode}.conv_features`).length > 0) {
    fixture.compare(`${mode}.conv_features`, tf.transpose(output.convFeatures, [0, 2, 1]))
    fixture.compare(`${mode}.feature_projection`, output.featureProjection)
    fixture.compare(`${mode}.last_hidden_state`, output.lastHiddenState)
  }
}

describe.each(enginesUnderTest())('on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  describe.each(['wav2vec2-pretrain', 'wav2vec2-pretrain-large'])('%s', (name) => {
    let fixture: Fixture
    let model: Wav2Vec2ForPreTraining
    beforeAll(async () => {
      fixture = await Fixture.open(name)
      model = await Wav2Vec2ForPreTraining.fromPretrained(fixture.directory)
    })
    afterAll(() => {
      report(fixture, engine)
      model.dispose()
    })

    const inputs = (negatives: string) => ({
      inputValues: fixture.input('input_values'),
      attentionMask: fixture.input('attention_mask'),
      maskTimeIndices: fixture.input('mask_time_indices'),
      sampledNegativeIndices: fixture.input(negatives),
    })
    const trainingInputs = (negatives: string) => ({
      ...inputs(negatives),
      gumbelNoise: fixture.input('gumbel_noise'),
      gumbelTemperature: fixture.input('gumbel_temperature') as tf.Scalar,
    })
    const training = () => ({ training: true, rng: Rng.fromSeed(0) })

    const compareLosses = (mode: string, output: Wav2Vec2PretrainingOutput): void => {
      fixture.compare(`${mode}.loss`, output.loss!)
      fixture.compare(`${mode}.contrastive_loss`, output.contrastiveLoss!)
      // [batch, frames, 1 + K] against [1 + K, batch, frames], which is 0 at frames that are not masked and -1e30 for minus infinity.
      const mask = tf.cast(tf.expandDims(fixture.input('mask_time_indices'), 0), 'float32')
      const logits = tf.maximum(tf.transpose(output.contrastiveLogits!, [2, 0, 1]), -1e30)
      const masked = tf.mul(logits, mask)
      const expected = fixture.values(`${mode}.contrastive_logits`)
      const finite = tf.cast(tf.greater(tf.tensor(expected.data, [...expected.shape]), -1e29), 'float32')
      const excluded = tf.cast(tf.less(masked, -1e29), 'float32')
      expect(tf.sum(tf.abs(tf.sub(tf.sub(1, finite), excluded))).dataSync()[0]).toBe(0)
      const clean = tf.where(tf.cast(finite, 'bool'), masked, tf.fill(masked.shape, -1e30))
      const scale = expected.data.reduce((most, value) => (value > -1e29 ? Math.max(most, Math.abs(value)) : most), 0)
      const difference = tf.max(tf.abs(tf.sub(clean, tf.tensor(expected.data, [...expected.shape])))).dataSync()[0]!
      expect(difference / scale).toBeLessThan(1e-4)
      const same = fixture.values(`${mode}.neg_is_pos`)
      const found = tf.mul(tf.cast(tf.transpose(output.negativeIsPositive!, [2, 0, 1]), 'float32'), mask)
      const counted = tf.mul(tf.tensor(same.data, [...same.shape]), mask)
      expect(tf.sum(tf.abs(tf.sub(found, counted))).dataSync()[0]).toBe(0)
    }

    const compareAll = (mode: string, output: Wav2Vec2PretrainingOutput): void => {
      compareStates(fixture, mode, output)
      compareLosses(mode, output)
      fixture.compare(`${mode}.diversity_loss`, output.diversityLoss!)
      fixture.compare(`${mode}.codevector_perplexity`, output.codevectorPerplexity)
      fixture.compare(`${mode}.projected_states`, output.projectedStates)
      fixture.compare(`${mode}.projected_quantized_states`, output.projectedQuantizedStates)
      fixture.compare(`${mode}.quantized_before_project_q`, output.quantized.codevectors)
    }

    it('has the reference hidden states, logits, codes and loss terms in training', () => {
      tf.tidy(() => {
        const output = model.forward(trainingInputs('sampled_negative_indices'), training(), { outputHiddenStates: true })
        compareAll('train', output)
        fixture.compare('train.code_indices', output.quantized.codeIndices)
        fixture.compare('train.gumbel_soft_probs', output.quantized.softProbs!)
      })
    })

    it('has them in evaluation, where some distractors equal the target', () => {
      tf.tidy(() => {
        compareAll('eval', model.forward(inputs('eval_sampled_negative_indices'), undefined, { outputHiddenStates: true }))
      })
    })

    it('has the reference gradient of every parameter', () => {
      tf.tidy(() => {
        const run = () => model.forward(trainingInputs('sampled_negative_indices'), training()).loss!
        const { gradient } = differentiate(model, run)
        const names = fixture.names('grad.')
        expect(names.map((key) => key.slice(5)).sort()).toEqual([...model.namedParameters().keys()].sort())
        for (const key of names) fixture.compare(key, gradient(key.slice(5)))
      })
    })

    it('has the reference losses and gradients in training when distractors equal the target', () => {
      tf.tidy(() => {
        const run = () => model.forward(trainingInputs('eval_sampled_negative_indices'), training())
        compareLosses('train_collisions', run())
        const { gradient } = differentiate(model, () => run().loss!)
        const prefix = 'train_collisions.grad.'
        const names = fixture.names(prefix)
        expect(names.length).toBe(7)
        for (const key of names) fixture.compare(key, gradient(key.slice(prefix.length)))
      })
    })
  })

  describe.each(['wav2vec2-ctc', 'wav2vec2-ctc-large-sum'])('%s', (name) => {
    let fixture: Fixture
    let model: Wav2Vec2ForCTC
    beforeAll(async () => {
      fixture = await Fixture.open(name)
      model = await Wav2Vec2ForCTC.fromPretrained(fixture.directory)
    })
    afterAll(() => {
      report(fixture, engine)
      model.dispose()
    })

    const inputs = () => ({
      inputValues: fixture.input('input_values'),
      attentionMask: fixture.input('attention_mask'),
      labels: fixture.input('labels'),
    })
    const masked = () => ({
      ...inputs(),
      maskTimeIndices: fixture.input('mask_time_indices'),
      maskFeatureIndices: fixture.input('mask_feature_indices'),
    })
    const training = () => ({ training: true, rng: Rng.fromSeed(0) })

    it('has the reference hidden states, logits and loss in training with masks', () => {
      tf.tidy(() => {
        const output = model.forward(masked(), training(), { outputHiddenStates: true })
        compareStates(fixture, 'train', output)
        fixture.compare('logits', output.logits)
        fixture.compare('loss', output.loss!)
        fixture.compare('input_frame_lengths', output.frameLengths!)
      })
    })

    it('has them in evaluation', () => {
      tf.tidy(() => {
        const output = model.forward(inputs(), undefined, { outputHiddenStates: true })
        compareStates(fixture, 'eval', output)
        fixture.compare('eval.logits', output.logits)
        fixture.compare('eval.loss', output.loss!)
      })
    })

    it('has the reference gradient of every parameter', () => {
      tf.tidy(() => {
        const { gradient } = differentiate(model, () => model.forward(masked(), training()).loss!)
        const names = fixture.names('grad.')
        expect(names.map((key) => key.slice(5)).sort()).toEqual([...model.namedParameters().keys()].sort())
        for (const key of names) fixture.compare(key, gradient(key.slice(5)))
      })
    })
  })
})
