import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { ConfigError } from '../errors'
import { WeightAverage, type WeightAverageOptions } from './weight-average'

describe.each(enginesUnderTest())('WeightAverage on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  const setUp = (options: WeightAverageOptions) => {
    const variable = tf.variable(tf.tensor1d([0.5]))
    const average = new WeightAverage([{ name: 'w', variable, group: 0 }], options)
    const step = compile((value: tf.Tensor1D, accept: tf.Scalar) => {
      variable.assign(value)
      average.update(accept)
      return tf.scalar(0)
    })
    const update = (value: number, accept = true) => step(tf.tensor1d([value]), tf.scalar(accept, 'bool') as tf.Scalar)
    const value = () => average.weights().get('w')!.dataSync()[0]!
    return { variable, average, update, value }
  }

  it("equals torch.optim.swa_utils.AveragedModel's exponential average", () => {
    const { update, value } = setUp({ decay: 0.9, warmup: false })
    // torch 2.13, get_ema_multi_avg_fn(0.9), begun at 0.5.
    const expected = [0.550000011920929, 0.29500001668930054, 0.2905000150203705, 0.5614500045776367]
    for (const [index, weight] of [1, -2, 0.25, 3].entries()) {
      update(weight)
      expectClose([value()], [expected[index]!], { relative: 3e-7 })
    }
  })

  it('moves quickly at first: update n keeps n / (n + 9) until that is above the decay', () => {
    const { update, value } = setUp({ decay: 0.2 })
    let expected = 0.5
    for (const [index, weight] of [1, -2, 0.25, 3].entries()) {
      update(weight)
      const decay = Math.min(0.2, (index + 1) / (index + 10))
      expected = decay * expected + (1 - decay) * weight
      // The terms are about 1 and may cancel.
      expectClose([value()], [expected], { absolute: 2e-7 })
    }
  })

  it('does not take in a refused update, whatever the weights hold', () => {
    const { average, update, value } = setUp({ decay: 0.9 })
    update(1)
    const before = value()
    update(1, false)
    expect(value()).toBe(before)
    expect(average.updates.dataSync()[0]).toBe(1)
  })

  it('lends its weights to the model, and gives the model its own back, also after a failure', async () => {
    const { variable, average, update, value } = setUp({ decay: 0.9 })
    update(4)
    const mean = value()
    expect(await average.using(() => variable.dataSync()[0])).toBe(mean)
    expect(variable.dataSync()[0]).toBe(4)
    await expect(average.using(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(variable.dataSync()[0]).toBe(4)
    const { numTensors } = tf.memory()
    for (let i = 0; i < 3; i++) await average.using(() => 0)
    expect(tf.memory().numTensors).toBe(numTensors)
    // The compiled step goes on with the model's own.
    update(5)
    expect(variable.dataSync()[0]).toBe(5)
  })

  it('refuses a decay that is none', () => {
    for (const decay of [-0.1, 1, Number.NaN]) expect(() => setUp({ decay })).toThrow(ConfigError)
  })
})
