import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Objective } from './objective'
import { TrainStep } from './step'

type SumBatch = { x: tf.Tensor }

describe.each(enginesUnderTest())('buffers of a training step on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  /** A parameter, a buffer that the forward pass writes, and one that follows the updates, as a teacher does. */
  const setUp = (accumulate: number) => {
    const weight = tf.variable(tf.scalar(1))
    const seen = tf.variable(tf.scalar(0), false)
    const batches = tf.variable(tf.scalar(0, 'int32'), false)
    const teacher = tf.variable(tf.scalar(1), false)
    const objective: Objective<SumBatch> = {
      name: 'sum',
      loss: ({ x }) => {
        seen.assign(tf.add(seen, tf.sum(x)))
        batches.assign(tf.add(batches, tf.scalar(1, 'int32')))
        return { loss: tf.mul(weight, tf.sum(x)) as tf.Scalar, metrics: {} }
      },
      afterUpdate: () => teacher.assign(tf.add(tf.mul(teacher, 0.5), tf.mul(weight, 0.5))),
    }
    const step = new TrainStep({
      parameters: [{ name: 'weight', variable: weight, group: 0 }],
      objective,
      optimizer: { name: 'SGD', learningRate: 0.25 },
      accumulate,
      buffers: [seen, batches, teacher],
    })
    const run = (...values: number[]) => {
      const given = values.map((value) => ({ x: tf.tensor1d([value]) }))
      step.run(given, { step: 1, learningRates: [0.25], activeGroups: [0], key: Int32Array.of(1, 2) }).dispose()
      tf.dispose(given)
    }
    const values = () => [weight, seen, batches, teacher].map((variable) => variable.dataSync()[0])
    return { run, values }
  }

  it('are written in a forward pass and after an update', () => {
    const { run, values } = setUp(1)
    run(2)
    expect(values()).toEqual([0.5, 2, 1, 0.75])
    run(1)
    expect(values()).toEqual([0.25, 3, 2, 0.5])
  })

  it('are what they were before a step that is refused', () => {
    const { run, values } = setUp(1)
    run(2)
    run(Number.NaN)
    expect(values()).toEqual([0.5, 2, 1, 0.75])
    run(1)
    expect(values()).toEqual([0.25, 3, 2, 0.5])
  })

  it('are what they were before all of its micro-batches', () => {
    const { run, values } = setUp(2)
    run(2, 2)
    expect(values()).toEqual([0.5, 4, 2, 0.75])
    run(1, Number.POSITIVE_INFINITY)
    run(Number.NaN, 1)
    expect(values()).toEqual([0.5, 4, 2, 0.75])
    const { numTensors } = tf.memory()
    run(1, 1)
    expect(values()).toEqual([0.25, 6, 4, 0.5])
    expect(tf.memory().numTensors).toBe(numTensors)
  })
})
