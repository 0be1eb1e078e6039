// Hidden states, scores, losses and gradients against fairseq's HuBERT and Hugging Face's HubertForCTC: see the READMEs in ../fixtures.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CtcModelOutput, compile, Initializer, type Precision, Rng } from '@babble/core'
import { enginesUnderTest, ParityFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HubertForCTC } from './heads/ctc'
import { HubertForPreTraining, type HubertPretrainingOutput } from './heads/pretraining'
import { FairseqFixture, ourName } from './testing/fairseq-fixture'

type Tensors = Record<string, tf.Tensor>

const hookTimeout = 300_000

/** Rows of `[batch, frames, ...]` at the frames that count. */
const rowsAt = (t: tf.Tensor, frames: ArrayLike<number>): tf.Tensor => {
  const at = Array.from(frames).flatMap((on, i) => (on ? [i] : []))
  return tf.gather(tf.reshape(t, [-1, ...t.shape.slice(2)]), tf.tensor1d(at, 'int32'))
}

/** fairseq's scores: the label's in front, and 0 (for minus infinity) where it was. */
const positiveFirst = (logits: tf.Tensor, labels: tf.Tensor): tf.Tensor => {
  const isLabel = tf.cast(tf.oneHot(labels as tf.Tensor1D, logits.shape[1]!), 'bool')
  const positive = tf.sum(tf.where(isLabel, logits, tf.zerosLike(logits)), 1, true)
  return tf.concat([positive, tf.where(isLabel, tf.zerosLike(logits), logits)], 1)
}

interface Run {
  readonly output: Tensors
  readonly gradients: ReadonlyMap<string, tf.Tensor>
}

const tensorsOf = (output: HubertPretrainingOutput): Tensors => {
  const { prediction } = output
  return {
    conv_features: tf.transpose(output.convFeatures, [0, 2, 1]),
    feature_layer_norm: output.extractFeatures,
    feature_projection: output.featureProjection,
    encoder_out: output.lastHiddenState,
    features_pen: output.featurePenalty!,
    loss: output.loss!,
    sample_size: output.sampleSize!,
    ...Object.fromEntries(output.hiddenStates!.slice(1).map((state, i) => [`layer_out.${i}`, state])),
    ...Object.fromEntries(output.logits.map((logits, set) => [`logits.${set}`, logits])),
    ...Object.fromEntries(
      prediction!.sets.flatMap((set, i) => [
        [`loss_m.${i}`, set.masked],
        [`loss_u.${i}`, set.unmasked],
        [`correct_m.${i}`, set.correctMasked],
        [`correct_u.${i}`, set.correctUnmasked],
      ]),
    ),
  }
}

const pretrain = (fixture: FairseqFixture, model: HubertForPreTraining, precision: Precision = 'float32'): Run => {
  const { criterion, model: settings, num_classes: classes } = fixture.settings
  const inputs = {
    inputValues: fixture.input('source'),
    attentionMask: tf.sub(1, fixture.input('padding_mask')),
    maskTimeIndices: fixture.input('mask_indices'),
    targets: tf.stack(
      classes.map((_, set) => fixture.input(`target_list.${set}`)),
      2,
    ),
  }
  const options = {
    outputHiddenStates: true,
    featureGradMult: Number(settings.feature_grad_mult),
    featurePenaltyWeight: criterion.loss_weights[0]!,
    maskedWeight: criterion.pred_masked_weight,
    unmaskedWeight: criterion.pred_nomask_weight,
  }
  const parameters = [...model.namedParameters()]
  const step = compile(
    (given: typeof inputs, key: tf.Tensor1D) => {
      let output: Tensors = {}
      const { grads } = tf.variableGrads(
        () => {
          const found = model.forward(given, { training: true, rng: new Rng(key) }, options)
          output = Object.fromEntries(Object.entries(tensorsOf(found)).map(([name, t]) => [name, tf.keep(tf.clone(t))]))
          return found.loss!
        },
        parameters.map(([, variable]) => variable),
      )
      return { output, gradients: parameters.map(([, { name }]) => grads[name]!) }
    },
    { precision },
  )
  const { output, gradients } = step(inputs, tf.tensor1d([0, 0], 'int32'))
  return { output, gradients: new Map(parameters.map(([name], i) => [name, gradients[i]!])) }
}

describe.each(enginesUnderTest())('on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  describe.each(['hubert-pretrain', 'hubert-pretrain-large'])('%s', (name) => {
    let fixture: FairseqFixture
    let model: HubertForPreTraining
    let run: Run
    beforeAll(() => {
      fixture = new FairseqFixture(name)
      model = new HubertForPreTraining(fixture.config, Initializer.empty())
      fixture.fill(model)
      run = pretrain(fixture, model)
    }, hookTimeout)
    afterAll(() => {
      if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, name, fixture.worst)
      model.dispose()
    })

    it('has the reference states, losses and counts', () => {
      const checked = ['feature_layer_norm', 'encoder_out', 'layer_out.0', 'layer_out.1', 'features_pen', 'loss']
      for (const key of checked) fixture.check(key, run.output[key]!)
      const sets = fixture.settings.num_classes.map((_, set) => set)
      for (const key of sets.flatMap((set) => [`loss_m.${set}`, `loss_u.${set}`])) fixture.check(key, run.output[key]!)
      for (const key of ['sample_size', ...sets.flatMap((set) => [`correct_m.${set}`, `correct_u.${set}`])])
        fixture.check(key, tf.cast(run.output[key]!, 'int32'))
      const penalty = tf.mul(tf.mul(run.output.features_pen!, 10), run.output.sample_size!)
      fixture.check('loss_features_pen', penalty)
    })

    it('has the reference scores of each masked and each other frame', () => {
      const padding = fixture.given('frame_padding_mask').dataSync()
      const masked = fixture.input('mask_indices').dataSync()
      const frames = masked.length / 2
      const ratio = Number(fixture.settings.model.label_rate) / 50
      for (const set of fixture.settings.num_classes.keys()) {
        const at = tf.tensor1d(
          Array.from({ length: frames }, (_, frame) => frame * ratio),
          'int32',
        )
        const labels = tf.gather(fixture.input(`target_list.${set}`), at, 1)
        for (const [key, wanted] of [
          [`logit_m.${set}`, 1],
          [`logit_u.${set}`, 0],
        ] as const) {
          const counts = masked.map((on, i) => (on === wanted && !padding[i] ? 1 : 0))
          const expected = fixture.given(key)
          const finite = tf.where(tf.less(expected, -1e29), tf.zerosLike(expected), expected)
          const actual = positiveFirst(rowsAt(run.output[`logits.${set}`]!, counts), rowsAt(labels, counts))
          expect(actual.shape).toEqual(expected.shape)
          const difference = tf.max(tf.abs(tf.sub(actual, finite))).dataSync()[0]!
          expect(difference / (tf.max(tf.abs(finite)).dataSync()[0] as number), key).toBeLessThan(1e-4)
        }
      }
    })

    it('has the reference gradient of every parameter', () => {
      const names = fixture.names('grad.')
      expect(names.map((key) => ourName(key.slice(5))).sort()).toEqual([...run.gradients.keys()].sort())
      for (const key of names) fixture.check(key, run.gradients.get(ourName(key.slice(5)))!)
    })

    it('has the reference position embedding', () => {
      const masked = tf.cast(tf.expandDims(fixture.input('mask_indices'), 2), 'float32')
      const valid = tf.sub(1, tf.cast(tf.expandDims(fixture.given('frame_padding_mask'), 2), 'float32'))
      const { maskedSpecEmbed, encoder } = model.hubert
      const kept = tf.mul(run.output.feature_projection!, tf.sub(1, masked))
      const hidden = tf.mul(tf.add(kept, tf.mul(maskedSpecEmbed!, masked)), valid) as tf.Tensor3D
      fixture.check('pos_conv', tf.transpose(encoder.posConvEmbed!.forward(hidden), [0, 2, 1]))
    })

    it('has the reference features, of the last layer and of an earlier one', () => {
      const inputs = { inputValues: fixture.input('source'), attentionMask: tf.sub(1, fixture.input('padding_mask')) }
      const { hubert } = model
      const features = compile((given: typeof inputs) => {
        const output = hubert.forward(given, undefined, { outputHiddenStates: true })
        return {
          last: output.lastHiddenState,
          first: output.hiddenStates![1]!,
          conv: tf.transpose(output.convFeatures, [0, 2, 1]),
        }
      })
      const { last, first, conv } = features(inputs)
      fixture.check('eval.extract_features', last)
      fixture.check('eval.extract_features_layer1', first)
      fixture.check('conv_features', conv)
    })
  })

  describe('hubert-ctc', () => {
    const directory = fileURLToPath(new URL('../fixtures/hubert-ctc', import.meta.url))
    const noise = JSON.parse(readFileSync(`${directory}/noise.json`, 'utf8')) as {
      tensors: Record<string, { abs: number }>
    }
    let fixture: ParityFixture
    let model: HubertForCTC
    let run: Run
    const named = ({ hiddenStates, ...output }: CtcModelOutput): Tensors => ({
      ...Object.fromEntries(hiddenStates!.map((state, i) => [`hidden_states.${i}`, state])),
      conv_features: tf.transpose(output.convFeatures, [0, 2, 1]),
      feature_projection: output.featureProjection,
      last_hidden_state: output.lastHiddenState,
      loss: output.loss!,
      logits: output.logits,
      input_frame_lengths: output.frameLengths!,
    })
    const check = (key: string, actual: tf.Tensor) => {
      const own = /k_proj\.bias$/.test(key) ? 1e-5 : 5 * (noise.tensors[key]?.abs ?? 0)
      fixture.compare(key, actual, { relative: 1e-4, absolute: own })
    }
    beforeAll(async () => {
      fixture = new ParityFixture(directory)
      model = await HubertForCTC.fromPretrained(directory)
      const inputs = {
        inputValues: fixture.input('input_values'),
        attentionMask: fixture.input('attention_mask'),
        labels: fixture.input('labels'),
      }
      const masks = {
        maskTimeIndices: fixture.input('mask_time_indices'),
        maskFeatureIndices: fixture.input('mask_feature_indices'),
      }
      const parameters = [...model.namedParameters()]
      const step = compile((given: typeof inputs & typeof masks, key: tf.Tensor1D) => {
        let output: Tensors = {}
        const { grads } = tf.variableGrads(
          () => {
            const context = { training: true, rng: new Rng(key) }
            const found = model.forward(given, context, { outputHiddenStates: true })
            output = Object.fromEntries(Object.entries(named(found)).map(([part, t]) => [part, tf.keep(tf.clone(t))]))
            return found.loss!
          },
          parameters.map(([, variable]) => variable),
        )
        return { output, gradients: parameters.map(([, { name }]) => grads[name]!) }
      })
      const { output, gradients } = step({ ...inputs, ...masks }, tf.tensor1d([0, 0], 'int32'))
      const evaluate = compile((given: typeof inputs) =>
        named(model.forward(given, undefined, { outputHiddenStates: true })),
      )
      const evaluated = Object.entries(evaluate(inputs)).map(([part, t]) => [`eval.${part}`, t] as const)
      run = {
        output: { ...output, ...Object.fromEntries(evaluated) },
        gradients: new Map(parameters.map(([part], i) => [part, gradients[i]!])),
      }
    }, hookTimeout)
    afterAll(() => {
      if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, 'hubert-ctc', fixture.worst)
      model.dispose()
    })

    it('has the reference states, scores and loss, in training and without', () => {
      const names = fixture.names('').filter((key) => !key.startsWith('grad.'))
      expect(names.length).toBe(14)
      for (const key of names) {
        const actual = run.output[key.replace(/^train\./, '')]!
        check(key, key === 'input_frame_lengths' ? tf.cast(actual, 'int32') : actual)
      }
    })

    it('has the reference gradient of every parameter', () => {
      const names = fixture.names('grad.')
      expect(names.map((key) => key.slice(5)).sort()).toEqual([...run.gradients.keys()].sort())
      for (const key of names) check(key, run.gradients.get(key.slice(5))!)
    })
  })
})

describe.runIf(enginesUnderTest().includes('xla'))('in bf16 on xla', () => {
  beforeAll(() => useEngine('xla'))

  it.each(['hubert-pretrain', 'hubert-pretrain-large'])(
    'pre-training has the reference losses within 2 percent, and the direction of its gradient (%s)',
    (name) => {
      const fixture = new FairseqFixture(name)
      const model = new HubertForPreTraining(fixture.config, Initializer.empty())
      fixture.fill(model)
      const { output, gradients } = pretrain(fixture, model, 'bf16')
      for (const key of ['loss', ...fixture.settings.num_classes.map((_, set) => `loss_m.${set}`)]) {
        const [expected, actual] = [fixture.given(key).dataSync()[0]!, output[key]!.dataSync()[0]!]
        expect(Math.abs(actual - expected) / Math.abs(expected), key).toBeLessThan(0.02)
        // Were it computed in float32, the numbers would be nearly the same.
        if (key === 'loss') expect(Math.abs(actual - expected) / Math.abs(expected)).toBeGreaterThan(1e-6)
      }
      const names = fixture.names('grad.').filter((key) => !/k_proj\.bias$/.test(key))
      const expected = names.flatMap((key) => [...fixture.given(key).dataSync()])
      const actual = names.flatMap((key) => [...gradients.get(ourName(key.slice(5)))!.dataSync()])
      const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
      const cosine = dot(expected, actual) / Math.sqrt(dot(expected, expected) * dot(actual, actual))
      expect(cosine).toBeGreaterThan(0.999)
      model.dispose()
    },
    hookTimeout,
  )
})
