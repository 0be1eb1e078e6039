import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { ConfigError } from '../errors'
import { AdamW, type AdamWOptions, excludeBiasesAndNorms } from './adamw'

/** torch.optim.AdamW 2.13 on `weight` [[0.5, -1.25], [2, 0.1]] and `bias` [0.3, -0.7]: both after each of five updates. */
const references: {
  name: string
  options: AdamWOptions
  parameters: number[][]
  expAvg: number[]
  expAvgSq: number[]
}[] = [
  {
    name: 'with its defaults',
    options: { learningRate: 1e-2 },
    parameters: [
      [
        0.4899500012397766, -1.2398749589920044, 1.989799976348877, 0.09999000281095505, 0.3099699914455414,
        -0.7099289298057556,
      ],
      [
        0.48024919629096985, -1.2297509908676147, 1.9802792072296143, 0.09998000413179398, 0.3192608058452606,
        -0.7195091247558594,
      ],
      [
        0.47062113881111145, -1.2196279764175415, 1.9713495969772339, 0.0999700054526329, 0.3264346718788147,
        -0.7290167212486267,
      ],
      [
        0.4609699845314026, -1.2095060348510742, 1.962939977645874, 0.09996000677347183, 0.3294137716293335,
        -0.7385475635528564,
      ],
      [
        0.4512515068054199, -1.1993850469589233, 1.954994797706604, 0.09995000809431076, 0.32789790630340576,
        -0.7481458187103271,
      ],
    ],
    expAvg: [0.13144099712371826, -0.008190199732780457, 0.2573400139808655, 0],
    expAvgSq: [0.0005495003424584866, 1.996004129978246e-6, 0.0032818124163895845, 0],
  },
  {
    name: "with wav2vec 2.0's betas and eps",
    options: { learningRate: 5e-2, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.1 },
    parameters: [
      [
        0.4475004971027374, -1.1937525272369385, 1.940000057220459, 0.09950000047683716, 0.34849998354911804,
        -0.7460049390792847,
      ],
      [
        0.39714255928993225, -1.1377862691879272, 1.8835562467575073, 0.09900250285863876, 0.39350128173828125,
        -0.7900941371917725,
      ],
      [
        0.347517728805542, -1.0820999145507812, 1.830204725265503, 0.09850749373435974, 0.42784231901168823,
        -0.8335647583007812,
      ],
      [
        0.2981397211551666, -1.0266919136047363, 1.779578685760498, 0.0980149582028389, 0.44088295102119446,
        -0.8768656253814697,
      ],
      [
        0.24878662824630737, -0.9715608954429626, 1.7313932180404663, 0.09752488136291504, 0.43126508593559265,
        -0.9202015399932861,
      ],
    ],
    expAvg: [0.13144099712371826, -0.008190199732780457, 0.2573400139808655, 0],
    expAvgSq: [0.010802147909998894, 3.8431680877693e-5, 0.06145323067903519, 0],
  },
]

const gradientsAt = (t: number) =>
  new Map<string, tf.Tensor>([
    [
      'weight',
      tf.tensor2d([
        [0.1 * t, -0.02],
        [1.5 / t, 0],
      ]),
    ],
    ['bias', tf.tensor1d([-3 + t, 1e-4 * t])],
  ])

describe.each(enginesUnderTest())('AdamW on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  const setUp = (options: AdamWOptions, groups: [number, number] = [0, 0]) => {
    const weight = tf.variable(
      tf.tensor2d([
        [0.5, -1.25],
        [2, 0.1],
      ]),
    )
    const bias = tf.variable(tf.tensor1d([0.3, -0.7]))
    const optimizer = new AdamW(
      [
        { name: 'weight', variable: weight, group: groups[0] },
        { name: 'bias', variable: bias, group: groups[1] },
      ],
      options,
    )
    const update = compile(
      (weightGradient: tf.Tensor, biasGradient: tf.Tensor, rates: tf.Tensor1D, accept: tf.Scalar, active: string) => {
        optimizer.apply({
          gradients: new Map([
            ['weight', weightGradient],
            ['bias', biasGradient],
          ]),
          learningRates: [0, 1].map((group) => tf.reshape(tf.slice(rates, [group], [1]), []) as tf.Scalar),
          activeGroups: active.split(',').map(Number),
          gradientFactor: tf.scalar(1),
          accept,
        })
        return tf.scalar(0)
      },
    )
    const apply = (t: number, { accept = true, active = '0', rates = [options.learningRate, 0] } = {}) => {
      const gradients = gradientsAt(t)
      update(
        gradients.get('weight')!,
        gradients.get('bias')!,
        tf.tensor1d(rates),
        tf.scalar(accept, 'bool') as tf.Scalar,
        active,
      )
    }
    const values = () => [...weight.dataSync(), ...bias.dataSync()]
    return { optimizer, apply, values }
  }

  it.each(references)('equals PyTorch $name', ({ options, parameters, expAvg, expAvgSq }) => {
    const { optimizer, apply, values } = setUp(options)
    parameters.forEach((expected, index) => {
      apply(index + 1)
      expectClose(values(), expected, { relative: 2e-7, name: `after update ${index + 1}` })
    })
    expectClose(optimizer.state().get('weight.exp_avg')!, expAvg, { relative: 3e-7 })
    expectClose(optimizer.state().get('weight.exp_avg_sq')!, expAvgSq, { relative: 3e-7 })
    expect(optimizer.state().get('updates.0')!.dataSync()[0]).toBe(5)
  })

  it('changes nothing at all when an update is refused, whatever the gradient holds', () => {
    const { optimizer, apply, values } = setUp({ learningRate: 1e-2 })
    apply(1)
    const state = () => [values(), ...[...optimizer.state().values()].map((variable) => [...variable.dataSync()])]
    const before = state()
    apply(Number.NaN, { accept: false })
    apply(Number.POSITIVE_INFINITY, { accept: false })
    expect(state()).toEqual(before)
    // And it goes on as if nothing had been.
    apply(2)
    expectClose(values(), references[0]!.parameters[1]!, { relative: 2e-7 })
  })

  it('decays only what the filter takes', () => {
    const { apply, values } = setUp({ learningRate: 0.1, weightDecay: 0.5, decayFilter: excludeBiasesAndNorms })
    apply(0)
    const expected = [0.5, -1.25 * 0.95, 2 * 0.95, 0.1 * 0.95, 0.3, -0.7]
    // At t = 0 only three gradients are not zero; each moves its value by the learning rate against its sign.
    expectClose(values().slice(3, 4), expected.slice(3, 4), { relative: 1e-6 })
    expectClose(values().slice(4), [0.3 + 0.1, -0.7], { relative: 1e-6 })
  })

  it('keeps a learning rate and an update count for each group', () => {
    const { optimizer, apply, values } = setUp({ learningRate: 1e-2, weightDecay: 0 }, [0, 1])
    apply(1, { active: '0', rates: [1e-2, 1] })
    expect(values().slice(4)).toEqual([...Float32Array.of(0.3, -0.7)])
    apply(2, { active: '0,1', rates: [1e-2, 0.5] })
    expect(optimizer.state().get('updates.0')!.dataSync()[0]).toBe(2)
    expect(optimizer.state().get('updates.1')!.dataSync()[0]).toBe(1)
    // Its first update, whenever it comes, is a full step of the learning rate.
    expectClose(values().slice(4), [0.3 + 0.5, -0.7 - 0.5], { relative: 1e-4 })
  })

  it('refuses options out of range', () => {
    for (const options of [
      { learningRate: -1 },
      { learningRate: 1, betas: [0.9, 1] },
      { learningRate: Number.NaN },
      { learningRate: 1, eps: -1 },
    ]) {
      expect(() => new AdamW([], options as AdamWOptions)).toThrow(ConfigError)
    }
  })
})
