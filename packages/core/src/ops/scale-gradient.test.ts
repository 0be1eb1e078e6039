import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { scaleGradient } from './scale-gradient'
import { stopGradient } from './stop-gradient'

describe.each(enginesUnderTest())('scaleGradient and stopGradient on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  const values = (x: tf.Tensor) => Array.from(x.dataSync())
  /** Gradient of the sum of fn(x) x at 1, 2, 3: x plus the factor times x. */
  const slope = (fn: (x: tf.Tensor) => tf.Tensor) =>
    values(tf.grad((x) => tf.sum(tf.mul(fn(x), x)))(tf.tensor1d([1, 2, 3])))

  it('leave values alone', () => {
    const x = tf.tensor1d([1, 2, 3])
    for (const y of [scaleGradient(x, 1), scaleGradient(x, 0.5), scaleGradient(x, 0), stopGradient(x)]) {
      expect(values(y)).toEqual([1, 2, 3])
    }
  })

  it('multiply the gradient by the factor, or by 0', () => {
    expect(slope((x) => scaleGradient(x, 1))).toEqual([2, 4, 6])
    expect(slope((x) => scaleGradient(x, 0.5))).toEqual([1.5, 3, 4.5])
    expect(slope((x) => scaleGradient(x, 0))).toEqual([1, 2, 3])
    expect(slope(stopGradient)).toEqual([1, 2, 3])
  })

  it('stopGradient shares memory, outlives its argument, and leaves nothing behind', () => {
    const { numTensors, numDataBuffers } = tf.memory()
    const x = tf.tensor1d([1, 2, 3])
    const fixed = stopGradient(x)
    expect(tf.memory().numDataBuffers).toBe(numDataBuffers + 1)
    x.dispose()
    expect(values(fixed)).toEqual([1, 2, 3])
    fixed.dispose()
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers })
  })
})
