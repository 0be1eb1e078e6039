import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { ConfigError } from '../errors'
import { makeOptimizer, type OptimizerOptions } from './make-optimizer'

/**
 * torch 2.13's optimisers on `weight` [[0.5, -1.25], [2, 0.1]] and `bias` [0.3, -0.7]: both after the first and the fifth of five
 * updates, with the gradients of update t below.
 */
const references: { name: string; options: OptimizerOptions; first?: number[]; fifth: number[] }[] = [
  {
    name: 'torch.optim.Adam with weight_decay 0.1',
    options: { name: 'Adam', learningRate: 1e-2, weightDecay: 0.1 },
    first: [
      0.49000000953674316, -1.2400000095367432, 1.9900000095367432, 0.09000001102685928, 0.3100000023841858,
      -0.6899999976158142,
    ],
    fifth: [
      0.45078787207603455, -1.2000312805175781, 1.954375147819519, 0.050796423107385635, 0.3274654746055603,
      -0.6500753164291382,
    ],
  },
  {
    name: 'torch.optim.Adam with its defaults',
    options: { name: 'Adam', learningRate: 1e-2 },
    fifth: [
      0.45149171352386475, -1.2000000476837158, 1.9559853076934814, 0.10000000149011612, 0.3280564546585083,
      -0.7485055327415466,
    ],
  },
  {
    name: 'torch.optim.SGD with its defaults',
    options: { name: 'SGD', learningRate: 1e-2 },
    fifth: [
      0.48500001430511475, -1.248999834060669, 1.965749979019165, 0.10000000149011612, 0.30000001192092896,
      -0.7000150084495544,
    ],
  },
  {
    name: 'torch.optim.SGD with momentum 0.9 and weight_decay 0.1',
    options: { name: 'SGD', learningRate: 1e-2, momentum: 0.9, weightDecay: 0.1 },
    first: [
      0.4984999895095825, -1.2485500574111938, 1.9830000400543213, 0.09989999979734421, 0.3197000026702881,
      -0.69930100440979,
    ],
    fifth: [
      0.46179091930389404, -1.2309861183166504, 1.8632276058197021, 0.09868869185447693, 0.3729346692562103,
      -0.6908524632453918,
    ],
  },
  {
    name: 'torch.optim.SGD with nesterov momentum 0.9 and weight_decay 0.1',
    options: { name: 'SGD', learningRate: 1e-2, momentum: 0.9, nesterov: true, weightDecay: 0.1 },
    first: [
      0.4971500039100647, -1.247244954109192, 1.9677000045776367, 0.09981000423431396, 0.3374300003051758,
      -0.6986718773841858,
    ],
    fifth: [
      0.4482068121433258, -1.225696086883545, 1.8331525325775146, 0.09832387417554855, 0.3636842370033264,
      -0.688310444355011,
    ],
  },
]

const gradientsAt = (t: number) => [
  tf.tensor2d([
    [0.1 * t, -0.02],
    [1.5 / t, 0],
  ]),
  tf.tensor1d([-3 + t, 1e-4 * t]),
]

describe.each(enginesUnderTest())('optimisers on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  const setUp = (options: OptimizerOptions, weightDecay?: number) => {
    const weight = tf.variable(
      tf.tensor2d([
        [0.5, -1.25],
        [2, 0.1],
      ]),
    )
    const bias = tf.variable(tf.tensor1d([0.3, -0.7]))
    const own = weightDecay === undefined ? {} : { weightDecay }
    const optimizer = makeOptimizer(
      [
        { name: 'weight', variable: weight, group: 0 },
        { name: 'bias', variable: bias, group: 0, ...own },
      ],
      options,
    )
    const update = compile((first: tf.Tensor, second: tf.Tensor, accept: tf.Scalar) => {
      optimizer.apply({
        gradients: new Map([
          ['weight', first],
          ['bias', second],
        ]),
        learningRates: [tf.scalar(options.learningRate)],
        activeGroups: [0],
        gradientFactor: tf.scalar(1),
        accept,
      })
      return tf.scalar(0)
    })
    const apply = (t: number, accept = true) => {
      const [first, second] = gradientsAt(t)
      update(first!, second!, tf.scalar(accept, 'bool') as tf.Scalar)
    }
    const values = () => [...weight.dataSync(), ...bias.dataSync()]
    const state = () => [...optimizer.state().values()].map((variable) => [...variable.dataSync()])
    return { optimizer, apply, values, state }
  }

  it.each(references)('equal $name', ({ options, first, fifth }) => {
    const { apply, values } = setUp(options)
    for (let t = 1; t <= 5; t++) {
      apply(t)
      if (t === 1 && first) expectClose(values(), first, { relative: 2e-7 })
    }
    expectClose(values(), fifth, { relative: 2e-7 })
  })

  it.each(references)('change nothing at a refused update: $name', ({ options }) => {
    const { apply, values, state } = setUp(options)
    apply(1)
    const before = [values(), ...state()]
    apply(Number.NaN, false)
    expect([values(), ...state()]).toEqual(before)
  })

  it('take the weight decay of a parameter in place of their own', () => {
    for (const options of [
      { name: 'SGD', learningRate: 0.1, weightDecay: 0.5 },
      { learningRate: 0.1, weightDecay: 0.5 },
    ] as const) {
      const [plain, own, none] = [setUp(options), setUp(options, 0), setUp({ ...options, weightDecay: 0 })]
      for (const { apply } of [plain, own, none]) apply(1)
      expect(own.values().slice(0, 4)).toEqual(plain.values().slice(0, 4))
      expect(own.values().slice(4)).toEqual(none.values().slice(4))
      expect(own.values().slice(4)).not.toEqual(plain.values().slice(4))
    }
  })

  it('are refused where options are out of range', () => {
    for (const options of [
      { name: 'SGD', learningRate: -1 },
      { name: 'SGD', learningRate: 1, momentum: 1 },
      { name: 'SGD', learningRate: 1, nesterov: true },
      { name: 'Adafactor', learningRate: 1 },
    ]) {
      expect(() => makeOptimizer([], options as OptimizerOptions)).toThrow(ConfigError)
    }
  })
})
