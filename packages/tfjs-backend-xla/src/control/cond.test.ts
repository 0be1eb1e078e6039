import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jit } from '../index'
import { cond, whileLoop } from './index'
import { engines, expectAllClose, numbers, useEngine, values } from './testing'

describe.each(engines)('cond on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  it('gives the result of the branch that the predicate names', () => {
    const choose = (pred: tf.Tensor | boolean) =>
      cond(
        pred,
        (x: tf.Tensor, by: number) => ({ y: [tf.mul(x, by)], of: 'either' }),
        (x: tf.Tensor) => ({ y: [tf.neg(x)], of: 'either' }),
        tf.tensor1d([1, 2]),
        3,
      )
    for (const pred of [true, tf.scalar(true, 'bool'), tf.scalar(2), tf.tensor1d([1], 'int32')]) {
      const { y, of } = choose(pred)
      expect([values(y[0]!), of]).toEqual([[3, 6], 'either'])
    }
    for (const pred of [false, tf.scalar(false, 'bool'), tf.scalar(0)])
      expect(values(choose(pred).y[0]!)).toEqual([-1, -2])
  })

  it('has gradients in the operands and in what the branches close over, 0 where the branch taken does not use it', () => {
    const w = tf.variable(numbers([3], 1))
    const [x, v] = [numbers([3], 2), numbers([3], 3)]
    const f = (pred: number) => (x: tf.Tensor, v: tf.Tensor) => {
      const scaled = tf.mul(v, 3)
      const y = cond(
        tf.greater(tf.scalar(pred), 0),
        (x: tf.Tensor) => tf.mul(tf.exp(x), tf.mul(w, scaled)),
        (x: tf.Tensor) => tf.mul(x, tf.square(scaled)),
        x,
      )
      return tf.sum(tf.mul(y, x)) as tf.Scalar
    }
    const plain = (pred: number) => (x: tf.Tensor, v: tf.Tensor) => {
      const scaled = tf.mul(v, 3)
      const y = pred > 0 ? tf.mul(tf.exp(x), tf.mul(w, scaled)) : tf.mul(x, tf.square(scaled))
      return tf.sum(tf.mul(y, x)) as tf.Scalar
    }
    const all = (fn: (x: tf.Tensor, v: tf.Tensor) => tf.Scalar, withW: boolean) => [
      ...tf.grads(fn as never)([x, v]),
      ...(withW ? [tf.variableGrads(() => fn(x, v), [w]).grads[w.name]!] : []),
    ]
    for (const pred of [1, -1]) {
      const expected = all(plain(pred), pred > 0)
      expectAllClose(all(f(pred), pred > 0), expected)
      if (engine === 'xla') expectAllClose(jit(() => all(f(pred), pred > 0))(), expected)
    }
  })

  it('passes operands through, with their gradients', () => {
    const pick = (pred: number) => (a: tf.Tensor, b: tf.Tensor) => {
      const picked = cond(
        tf.scalar(pred),
        () => a,
        () => b,
      )
      return tf.sum(tf.add(tf.mul(picked, 5), tf.add(a, b))) as tf.Scalar
    }
    const gradients = (pred: number) =>
      tf
        .grads(pick(pred) as never)([tf.tensor1d([1, 2]), tf.tensor1d([3, 4])])
        .map(values)
    expect(gradients(1)).toEqual([
      [6, 6],
      [1, 1],
    ])
    expect(gradients(0)).toEqual([
      [1, 1],
      [6, 6],
    ])
  })
})

describe.runIf(engines.includes('xla'))('cond on xla', () => {
  beforeAll(() => useEngine('xla'))

  it('refuses branches of different results, and predicates that are no scalar', () => {
    const x = tf.ones([2])
    expect(() =>
      cond(
        tf.scalar(1),
        () => x,
        () => tf.ones([3]) as tf.Tensor,
      ),
    ).toThrow(/float32 \[2\], where what the other returns is float32 \[3\]/)
    expect(() =>
      cond(
        x,
        () => x,
        () => x,
      ),
    ).toThrow(/must be a scalar/)
  })

  it('runs only the branch that is taken', () => {
    // The other one would not end.
    const forever = (x: tf.Tensor) =>
      whileLoop(
        (c) => tf.less(c, 1),
        (c) => tf.mul(c, 1),
        x,
      )
    const fn = jit((x: tf.Tensor) =>
      cond(
        tf.greater(x, 0),
        () => tf.add(x, 1),
        () => forever(x),
      ),
    )
    expect(values(fn(tf.scalar(5)))).toEqual([6])
    expect(fn.lower(tf.scalar(5))).toContain('stablehlo.case')
  })
})
