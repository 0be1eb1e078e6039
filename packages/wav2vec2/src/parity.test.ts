// Hidden states, losses and gradients against Hugging Face Transformers 5.23 on PyTorch 2.13: see the READMEs in ../fixtures.

import type { CtcModelOutput, Precision, SpeechEncoderOutput } from '@babble/core'
import { compile, type ForwardContext, type Module, Rng } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining, type Wav2Vec2PretrainingOutput } from './heads/pretraining'
import { Fixture } from './testing/fixture'

type Tensors = Record<string, tf.Tensor>

/** Named as in the fixtures, without the mode. */
const stateTensors = (output: SpeechEncoderOutput): Tensors => ({
  ...Object.fromEntries(output.hiddenStates!.map((state, at) => [`hidden_states.${at}`, state])),
  conv_features: tf.transpose(output.convFeatures, [0, 2, 1]),
  feature_projection: output.featureProjection,
  last_hidden_state: output.lastHiddenState,
})

const pretrainingTensors = (output: Wav2Vec2PretrainingOutput): Tensors => ({
  ...stateTensors(output),
  loss: output.loss!,
  contrastive_loss: output.contrastiveLoss!,
  diversity_loss: output.diversityLoss!,
  codevector_perplexity: output.codevectorPerplexity,
  projected_states: output.projectedStates,
  projected_quantized_states: output.projectedQuantizedStates,
  quantized_before_project_q: output.quantized.codevectors,
  code_indices: output.quantized.codeIndices,
  contrastive_logits: tf.transpose(output.contrastiveLogits!, [2, 0, 1]),
  neg_is_pos: tf.cast(tf.transpose(output.negativeIsPositive!, [2, 0, 1]), 'int32'),
  ...(output.quantized.softProbs ? { gumbel_soft_probs: output.quantized.softProbs } : {}),
})

const ctcTensors = (output: CtcModelOutput): Tensors => ({
  ...stateTensors(output),
  loss: output.loss!,
  logits: output.logits,
  input_frame_lengths: output.frameLengths!,
})

/** Runs a forward pass in training as one program, which gives the tensors of its output and the gradient of each parameter. */
const train = <Inputs extends object, Output extends { readonly loss?: tf.Scalar }>(
  model: Module & {
    forward(inputs: Inputs, context: ForwardContext, options: { outputHiddenStates: boolean }): Output
  },
  inputs: Inputs,
  pick: (output: Output) => Tensors,
  precision: Precision = 'float32',
): Tensors => {
  const parameters = model.namedParameters()
  const step = (given: Inputs, key: tf.Tensor1D) => {
    let tensors: Tensors = {}
    const { grads } = tf.variableGrads(() => {
      const output = model.forward(given, { training: true, rng: new Rng(key) }, { outputHiddenStates: true })
      tensors = Object.fromEntries(Object.entries(pick(output)).map(([name, tensor]) => [name, tf.keep(tensor)]))
      return output.loss!
    }, [...parameters.values()])
    const gradients = [...parameters].map(([name, variable]) => [`grad.${name}`, grads[variable.name]!] as const)
    return { ...tensors, ...Object.fromEntries(gradients) }
  }
  const program = compile(step, { precision })
  return program(inputs, tf.tensor1d([0, 0], 'int32'))
}

/** All numbers are made in a hook, where compiling takes its time. */
const hookTimeout = 300_000

describe.each(enginesUnderTest())('on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  const report = (fixture: Fixture): void => {
    if (!process.env.BABBLE_REPORT_ERRORS) return
    const { error, name } = fixture.worst
    console.log(
      `${engine} ${fixture.directory.split('/').at(-1)}: worst relative error ${error.toExponential(1)} (${name})`,
    )
  }

  describe.each(['wav2vec2-pretrain', 'wav2vec2-pretrain-large'])('%s', (name) => {
    let fixture: Fixture
    let model: Wav2Vec2ForPreTraining
    const results: Record<string, Tensors> = {}
    beforeAll(async () => {
      fixture = await Fixture.open(name)
      model = await Wav2Vec2ForPreTraining.fromPretrained(fixture.directory)
      const inputs = (negatives: string) => ({
        inputValues: fixture.input('input_values'),
        attentionMask: fixture.input('attention_mask'),
        maskTimeIndices: fixture.input('mask_time_indices'),
        sampledNegativeIndices: fixture.input(negatives),
      })
      const noise = {
        gumbelNoise: fixture.input('gumbel_noise'),
        gumbelTemperature: fixture.input('gumbel_temperature') as tf.Scalar,
      }
      const colliding = inputs('eval_sampled_negative_indices')
      results.train = train(model, { ...inputs('sampled_negative_indices'), ...noise }, pretrainingTensors)
      results.train_collisions = train(model, { ...colliding, ...noise }, pretrainingTensors)
      const evaluate = compile((given: typeof colliding) =>
        pretrainingTensors(model.forward(given, undefined, { outputHiddenStates: true })),
      )
      results.eval = evaluate(colliding)
    }, hookTimeout)
    afterAll(() => {
      report(fixture)
      model.dispose()
    })

    it.each([
      ['train', 11],
      ['eval', 10],
      ['train_collisions', 2],
    ])('has the reference states, codes and loss terms (%s)', (mode, least) => {
      const special = ['contrastive_logits', 'neg_is_pos', 'pos_conv']
      const names = fixture
        .names(`${mode}.`)
        .map((key) => key.slice(mode.length + 1))
        .filter((key) => !key.startsWith('grad.') && !special.includes(key))
      expect(names.length).toBeGreaterThanOrEqual(least)
      for (const key of names) fixture.compare(`${mode}.${key}`, results[mode]![key]!)
    })

    it.each(['train', 'eval', 'train_collisions'])(
      'has the reference logits, without distractors that equal the target (%s)',
      (mode) => {
        const mask = fixture.input('mask_time_indices').dataSync()
        const expected = fixture.values(`${mode}.contrastive_logits`).data
        const actual = results[mode]!.contrastive_logits!.dataSync()
        const masked = (values: ArrayLike<number>) => Array.from(values).filter((_, at) => mask[at % mask.length] === 1)
        const finite = (values: number[]) => values.map((value) => (value > -1e29 ? value : 0))
        expect(masked(actual).map((value) => value > -1e29)).toEqual(masked(expected).map((value) => value > -1e29))
        fixture.compareValues(`${mode}.contrastive_logits`, finite(masked(actual)), finite(masked(expected)))
        const same = masked(fixture.values(`${mode}.neg_is_pos`).data)
        expect(masked(results[mode]!.neg_is_pos!.dataSync())).toEqual(same)
        expect(same.includes(1)).toBe(mode !== 'train')
      },
    )

    it('has the reference gradient of every parameter', () => {
      const names = fixture.names('grad.')
      expect(names.map((key) => key.slice(5)).sort()).toEqual([...model.namedParameters().keys()].sort())
      for (const key of names) fixture.compare(key, results.train![key]!)
    })

    it('has the reference gradients when distractors equal the target', () => {
      const names = fixture.names('train_collisions.grad.')
      expect(names.length).toBe(7)
      for (const key of names) fixture.compare(key, results.train_collisions![key.replace('train_collisions.', '')]!)
    })
  })

  describe.each(['wav2vec2-ctc', 'wav2vec2-ctc-large-sum'])('%s', (name) => {
    let fixture: Fixture
    let model: Wav2Vec2ForCTC
    let training: Tensors
    let evaluation: Tensors
    beforeAll(async () => {
      fixture = await Fixture.open(name)
      model = await Wav2Vec2ForCTC.fromPretrained(fixture.directory)
      const inputs = {
        inputValues: fixture.input('input_values'),
        attentionMask: fixture.input('attention_mask'),
        labels: fixture.input('labels'),
      }
      const masks = {
        maskTimeIndices: fixture.input('mask_time_indices'),
        maskFeatureIndices: fixture.input('mask_feature_indices'),
      }
      training = train(model, { ...inputs, ...masks }, ctcTensors)
      const evaluate = compile((given: typeof inputs) =>
        ctcTensors(model.forward(given, undefined, { outputHiddenStates: true })),
      )
      evaluation = evaluate(inputs)
    }, hookTimeout)
    afterAll(() => {
      report(fixture)
      model.dispose()
    })

    it('has the reference states, logits and loss in training with masks', () => {
      const names = fixture.names('train.').map((key) => key.slice(6))
      expect(names.length).toBe(6)
      for (const key of names) fixture.compare(`train.${key}`, training[key]!)
      for (const key of ['logits', 'loss', 'input_frame_lengths']) fixture.compare(key, training[key]!)
    })

    it('has them in evaluation', () => {
      const names = fixture.names('eval.').map((key) => key.slice(5))
      expect(names.length).toBe(5)
      for (const key of names) fixture.compare(`eval.${key}`, evaluation[key]!)
    })

    it('has the reference gradient of every parameter', () => {
      const names = fixture.names('grad.')
      expect(names.map((key) => key.slice(5)).sort()).toEqual([...model.namedParameters().keys()].sort())
      for (const key of names) fixture.compare(key, training[key]!)
    })
  })
})

describe.runIf(enginesUnderTest().includes('xla'))('with products in bfloat16', () => {
  beforeAll(() => useEngine('xla'))

  /** Cosine of the angle between two tensors. */
  const cosine = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
    let [product, a, b] = [0, 0, 0]
    for (let i = 0; i < expected.length; i++) {
      product += actual[i]! * expected[i]!
      a += actual[i]! ** 2
      b += expected[i]! ** 2
    }
    return product / Math.sqrt(a * b)
  }

  const compareAll = (fixture: Fixture, prefix: string, actual: Tensors, losses: readonly string[]): void => {
    for (const name of losses) {
      const expected = fixture.values(`${prefix}${name}`).data[0]!
      const given = actual[name]!.dataSync()[0]!
      expect(Math.abs(given - expected) / Math.abs(expected), name).toBeLessThan(0.02)
      // Were it computed in float32, the numbers would be nearly the same.
      if (name === 'loss') expect(Math.abs(given - expected) / Math.abs(expected)).toBeGreaterThan(1e-6)
    }
    const gradients = fixture.names('grad.').filter((name) => !/k_proj\.bias$/.test(name))
    const flat = (values: (name: string) => ArrayLike<number>) =>
      gradients.flatMap((name) => [...Array.from(values(name))])
    const angle = cosine(
      flat((name) => actual[name]!.dataSync()),
      flat((name) => fixture.values(name).data),
    )
    expect(angle).toBeGreaterThan(0.999)
  }

  it.each(['wav2vec2-pretrain', 'wav2vec2-pretrain-large'])(
    'pre-training has the reference losses within 2 percent, and the direction of its gradient (%s)',
    async (name) => {
      const fixture = await Fixture.open(name)
      const model = await Wav2Vec2ForPreTraining.fromPretrained(fixture.directory)
      const inputs = {
        inputValues: fixture.input('input_values'),
        attentionMask: fixture.input('attention_mask'),
        maskTimeIndices: fixture.input('mask_time_indices'),
        sampledNegativeIndices: fixture.input('sampled_negative_indices'),
        gumbelNoise: fixture.input('gumbel_noise'),
        gumbelTemperature: fixture.input('gumbel_temperature') as tf.Scalar,
      }
      const actual = train(model, inputs, pretrainingTensors, 'bf16')
      compareAll(fixture, 'train.', actual, ['loss', 'contrastive_loss', 'diversity_loss'])
      model.dispose()
    },
    hookTimeout,
  )

  it.each(['wav2vec2-ctc', 'wav2vec2-ctc-large-sum'])(
    'fine-tuning has the reference loss within 2 percent, and the direction of its gradient (%s)',
    async (name) => {
      const fixture = await Fixture.open(name)
      const model = await Wav2Vec2ForCTC.fromPretrained(fixture.directory)
      const inputs = {
        inputValues: fixture.input('input_values'),
        attentionMask: fixture.input('attention_mask'),
        labels: fixture.input('labels'),
        maskTimeIndices: fixture.input('mask_time_indices'),
        maskFeatureIndices: fixture.input('mask_feature_indices'),
      }
      compareAll(fixture, '', train(model, inputs, ctcTensors, 'bf16'), ['loss'])
      model.dispose()
    },
    hookTimeout,
  )
})
