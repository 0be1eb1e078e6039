import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jit } from '../index'
import { checkpoint } from './index'
import { engines, expectAllClose, numbers, useEngine, values } from './testing'

/** A stack of layers of two products each, whose weights are variables. */
const stackOf = (depth: number, width: number, wrap: typeof checkpoint) => {
  const weights = Array.from({ length: depth * 2 }, (_, i) =>
    tf.variable(tf.mul(numbers([width, width], i + 1), 1 / Math.sqrt(width))),
  )
  const layers = Array.from({ length: depth }, (_, i) => (x: tf.Tensor2D): tf.Tensor2D => {
    const inner = tf.relu(tf.matMul(x, weights[2 * i] as unknown as tf.Tensor2D))
    const gate = tf.sigmoid(tf.add(tf.exp(tf.mul(inner, -0.5)), inner))
    return tf.add(
      x,
      tf.tanh(tf.matMul(gate as tf.Tensor2D, weights[2 * i + 1] as unknown as tf.Tensor2D)),
    ) as tf.Tensor2D
  })
  const loss = (x: tf.Tensor2D): tf.Scalar =>
    tf.mean(tf.square(layers.reduce((h, layer) => wrap(layer)(h), x))) as tf.Scalar
  const gradients = (x: tf.Tensor2D): tf.Tensor[] => {
    const { value, grads } = tf.variableGrads(() => loss(x), weights)
    return [value, ...weights.map((w) => grads[w.name]!)]
  }
  return { weights, loss, gradients }
}

const plain: typeof checkpoint = (fn) => fn

describe.each(engines)('checkpoint on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  it('changes no gradient: of arguments, variables, and tensors that are gone by then', () => {
    const w = tf.variable(numbers([3, 3], 1))
    const f = (wrap: typeof checkpoint) => (x: tf.Tensor2D, v: tf.Tensor2D) => {
      const bias = tf.mul(v, 2)
      const layer = wrap(({ h, times }: { h: tf.Tensor2D; times: number }) => {
        const next = tf.tanh(
          tf.add(tf.mul(tf.matMul(h, w as unknown as tf.Tensor2D), times), tf.mul(bias.clone(), tf.sum(h))),
        )
        return [next as tf.Tensor2D, tf.argMax(next, 1), h] as const
      })
      const [once, index, same] = layer({ h: x, times: 2 })
      const [twice] = layer({ h: once, times: 3 })
      return tf.add(tf.sum(tf.mul(twice, same)), tf.sum(tf.cast(index, 'float32'))) as tf.Scalar
    }
    const all = (wrap: typeof checkpoint) => {
      const [x, v] = [numbers([3, 3], 2), numbers([3, 3], 3)] as [tf.Tensor2D, tf.Tensor2D]
      const { value, grads } = tf.variableGrads(() => f(wrap)(x, v), [w])
      return [value, grads[w.name]!, ...tf.grads(f(wrap) as never)([x, v])]
    }
    const expected = all(plain)
    expectAllClose(all(checkpoint), expected, 1e-6)
    if (engine === 'xla') expectAllClose(jit(() => all(checkpoint))(), expected, 1e-5)
  })

  it('keeps the number of tensors', () => {
    const { gradients } = stackOf(3, 4, checkpoint)
    const x = numbers([2, 4], 9) as tf.Tensor2D
    const step = () => tf.tidy(() => values(gradients(x)[0]!))
    step()
    const before = [tf.memory().numTensors, tf.memory().numDataBuffers]
    for (let i = 0; i < 3; i++) step()
    expect([tf.memory().numTensors, tf.memory().numDataBuffers]).toEqual(before)
  })

  it('is the function itself where no gradient is taken', () => {
    expect(values(checkpoint((x: tf.Tensor) => tf.square(x))(tf.scalar(3)))).toEqual([9])
  })
})

describe.runIf(engines.includes('xla'))('checkpoint on xla', () => {
  beforeAll(() => useEngine('xla'))
  afterEach(() => tf.disposeVariables())

  it('lets a deep stack train in a fraction of the memory, with the same gradients', () => {
    const x = numbers([2048, 32], 77) as tf.Tensor2D
    const measure = (wrap: typeof checkpoint) => {
      const { gradients } = stackOf(24, 32, wrap)
      const fn = jit(() => gradients(x))
      const result = fn().map((tensor) => tf.tensor(tensor.dataSync(), tensor.shape))
      const bytes = fn.memory().temporaries
      fn.dispose()
      tf.disposeVariables()
      return { result, bytes }
    }
    const [kept, recomputed] = [measure(plain), measure(checkpoint)]
    expectAllClose(recomputed.result, kept.result, 1e-7)
    // 24 layers of [2048, 32] floats are 6.3 MB: little more is left than what goes into each layer.
    expect(recomputed.bytes).toBeLessThan(kept.bytes / 3)
  })

  it('refuses to differentiate its gradient', () => {
    const cube = checkpoint((x: tf.Tensor) => tf.mul(x, tf.square(x)))
    expect(() => tf.grad((x) => tf.grad((y) => cube(y))(x))(tf.scalar(2))).toThrow(
      /checkpoint cannot be differentiated twice/,
    )
  })
})
