import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jit } from '../index'
import { whileLoop } from './index'
import { engines, expectAllClose, expectClose, numericGradient, useEngine, values } from './testing'

describe.each(engines)('whileLoop on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  it('runs while the condition holds, not at all where it does not, and no longer than maxIterations', () => {
    const double = (from: number, maxIterations?: number) =>
      whileLoop(
        ({ x }) => tf.less(x, 100),
        ({ x, n }) => ({ x: tf.mul(x, 2), n: tf.add(n, tf.scalar(1, 'int32')) }),
        { x: tf.scalar(from) as tf.Tensor, n: tf.scalar(0, 'int32') as tf.Tensor },
        maxIterations === undefined ? {} : { maxIterations },
      )
    const result = ({ x, n }: { x: tf.Tensor; n: tf.Tensor }) => [...values(x), ...values(n)]
    expect(result(double(3))).toEqual([192, 6])
    expect(result(double(500))).toEqual([500, 0])
    expect(result(double(3, 4))).toEqual([48, 4])
    expect(result(double(3, 50))).toEqual([192, 6])
  })

  it('returns tensors of its own, also where no step is taken', () => {
    const start = tf.tensor1d([7])
    whileLoop(
      (c) => tf.less(tf.sum(c), 0),
      (c) => tf.mul(c, 2),
      start as tf.Tensor,
    ).dispose()
    expect(values(start)).toEqual([7])
  })

  it('has the gradients of the steps that were taken', () => {
    const w = tf.variable(tf.scalar(1.3))
    const power = (maxIterations: number) => (x: tf.Tensor) => {
      const limit = tf.scalar(10)
      return tf.sum(
        whileLoop(
          (c) => tf.less(tf.max(c), limit),
          (c) => tf.mul(tf.mul(c, w), tf.add(1, tf.mul(x, 0.1))),
          x,
          { maxIterations },
        ),
      )
    }
    const x = tf.tensor1d([1, 2])
    const gradients = (maxIterations: number) => {
      const { value, grads } = tf.variableGrads(() => power(maxIterations)(x) as tf.Scalar, [w])
      return [tf.grad(power(maxIterations))(x), value, grads[w.name]!]
    }
    const loose = gradients(30)
    expectClose(loose[0]!, numericGradient(power(30), x, 1e-3), 2e-2)
    // Bounds that are not reached make no difference.
    expectAllClose(gradients(12), loose)
    if (engine === 'xla') expectAllClose(jit(() => gradients(30))(), loose)
    // A loop that takes no step passes the gradient on.
    expect(values(tf.grad((y) => power(30)(tf.add(y, 20)))(x))).toEqual([1, 1])
  })

  it('says that a gradient needs maxIterations', () => {
    const unbounded = (x: tf.Tensor) =>
      whileLoop(
        (c) => tf.less(c, 10),
        (c) => tf.mul(c, tf.add(x, 1)),
        tf.scalar(1) as tf.Tensor,
      )
    expect(values(unbounded(tf.scalar(1)))).toEqual([16])
    expect(() => tf.grad((x) => unbounded(x))(tf.scalar(1))).toThrow(/give it maxIterations/)
    // Another path to the result is no reason to refuse.
    expect(values(tf.grad((x) => tf.mul(x, unbounded(tf.scalar(1))))(tf.scalar(1)))).toEqual([16])
  })

  it('says what is wrong with the condition and the carry', () => {
    const start = tf.ones([2])
    expect(() =>
      whileLoop(
        (c) => tf.less(c, 1),
        (c) => c,
        start,
      ),
    ).toThrow(/must be a scalar, not of shape \[2\]/)
    expect(() =>
      whileLoop(
        (c) => tf.less(tf.sum(c), 9),
        (c) => tf.concat([c, c]),
        start as tf.Tensor,
      ),
    ).toThrow(/the body of whileLoop returns is float32 \[4\], where the carry that it was given is float32 \[2\]/)
    expect(() =>
      whileLoop(
        (c) => tf.sum(c),
        (c) => c,
        start,
        { maxIterations: 0 },
      ),
    ).toThrow(/at least 1/)
  })
})
