import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jit, type XlaBackend } from '../index'
import { checkpoint, cond, scan, whileLoop } from './index'
import { engines, expectAllClose, numbers, useEngine, values } from './testing'

type Weights = Record<'input' | 'hidden' | 'bias' | 'out', tf.Variable>

const makeWeights = (inputs: number, hidden: number): Weights => {
  const scaled = (shape: number[], seed: number) => tf.variable(numbers(shape, seed, 0.4))
  return {
    input: scaled([inputs, 3 * hidden], 11),
    hidden: scaled([hidden, 3 * hidden], 12),
    bias: tf.variable(tf.zeros([3 * hidden])),
    out: scaled([hidden, 1], 13),
  }
}

const matrix = (x: tf.Tensor): tf.Tensor2D => x as tf.Tensor2D

/** One step of a gated recurrent unit. */
const gru =
  (weights: Weights) =>
  (h: tf.Tensor2D, x: tf.Tensor2D): tf.Tensor2D => {
    const fromInput = tf.add(tf.matMul(x, matrix(weights.input)), weights.bias)
    const [rx, zx, nx] = tf.split(fromInput, 3, 1)
    const [rh, zh, nh] = tf.split(tf.matMul(h, matrix(weights.hidden)), 3, 1)
    const r = tf.sigmoid(tf.add(rx!, rh!))
    const z = tf.sigmoid(tf.add(zx!, zh!))
    const n = tf.tanh(tf.add(nx!, tf.mul(r, nh!)))
    return tf.add(tf.mul(z, h), tf.mul(tf.sub(1, z), n)) as tf.Tensor2D
  }

describe.each(engines)('control flow in control flow on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  it('trains a GRU to remember the first input, with the gradients of the unrolled loop', () => {
    const [steps, batch, hidden] = [4, 16, 8]
    const weights = makeWeights(1, hidden)
    const list = Object.values(weights)
    const xs = numbers([steps, batch, 1], 5) as tf.Tensor3D
    const target = tf.squeeze(tf.slice(xs, [0, 0, 0], [1, batch, 1]), [0])
    const lossOf = (last: tf.Tensor2D) =>
      tf.losses.meanSquaredError(target, tf.matMul(last, matrix(weights.out))) as tf.Scalar
    const zero = () => tf.zeros([batch, hidden]) as tf.Tensor2D
    const scanned = () => {
      const [last] = scan(
        (h: tf.Tensor2D, x: tf.Tensor2D) => [gru(weights)(h, x), null] as [tf.Tensor2D, null],
        zero(),
        xs,
      )
      return lossOf(last)
    }
    const unrolled = () => lossOf((tf.unstack(xs) as tf.Tensor2D[]).reduce(gru(weights), zero()))
    const gradients = (loss: () => tf.Scalar) => () => {
      const { value, grads } = tf.variableGrads(loss, list)
      return [value, ...list.map((w) => grads[w.name]!)]
    }
    const compile = <T extends tf.Tensor[] | tf.Tensor>(fn: () => T): (() => T) => (engine === 'xla' ? jit(fn) : fn)
    const expected = gradients(unrolled)()
    expectAllClose(compile(gradients(scanned))(), expected)
    const step = compile(() => {
      const { value, grads } = tf.variableGrads(scanned, list)
      for (const w of list) w.assign(tf.sub(w, tf.mul(grads[w.name]!, 0.2)))
      return value
    })
    let loss = 0
    for (let i = 0; i < 100; i++) loss = values(tf.tidy(step))[0]!
    expect(loss).toBeLessThan(values(expected[0]!)[0]! / 2)
  })

  it('has the gradients of plain loops where each construct holds another', () => {
    const w = tf.variable(numbers([3, 3], 1, 0.5))
    const xs = numbers([4, 2, 3], 2) as tf.Tensor3D
    const layer = (h: tf.Tensor2D) => tf.tanh(tf.matMul(h, matrix(w))) as tf.Tensor2D
    const inner = (h: tf.Tensor2D, x: tf.Tensor2D, flow: boolean): tf.Tensor2D => {
      const positive = tf.greater(tf.sum(x), 0)
      if (!flow) {
        let next = layer(layer(h))
        next = (values(positive)[0] ? tf.add(next, tf.mul(x, w.shape[0]!)) : tf.mul(next, x)) as tf.Tensor2D
        while (values(tf.less(tf.sum(tf.square(next)), 6))[0]) next = tf.mul(next, 1.5) as tf.Tensor2D
        return next
      }
      const [twice] = scan((c: tf.Tensor2D, _: null) => [checkpoint(layer)(c), null] as [tf.Tensor2D, null], h, null, {
        length: 2,
      })
      const chosen = cond(
        positive,
        (t: tf.Tensor) => tf.add(t, tf.mul(x, w.shape[0]!)),
        (t: tf.Tensor) => tf.mul(t, x),
        twice,
      )
      return whileLoop(
        (c) => tf.less(tf.sum(tf.square(c)), 6),
        (c) => tf.mul(c, 1.5) as tf.Tensor2D,
        chosen as tf.Tensor2D,
        { maxIterations: 40 },
      )
    }
    const loss = (flow: boolean) => (h: tf.Tensor2D, xs: tf.Tensor3D) => {
      if (!flow) return tf.sum((tf.unstack(xs) as tf.Tensor2D[]).reduce((c, x) => inner(c, x, false), h)) as tf.Scalar
      const [last] = scan((c: tf.Tensor2D, x: tf.Tensor2D) => [inner(c, x, true), null] as [tf.Tensor2D, null], h, xs)
      return tf.sum(last) as tf.Scalar
    }
    const h = numbers([2, 3], 3) as tf.Tensor2D
    const all = (flow: boolean) => () => [
      ...tf.grads(loss(flow) as never)([h, xs]),
      tf.variableGrads(() => loss(flow)(h, xs), [w]).grads[w.name]!,
    ]
    const expected = all(false)()
    expectAllClose(all(true)(), expected, 2e-4)
    if (engine === 'xla') expectAllClose(jit(all(true))(), expected, 2e-4)
  })

  it('takes gradients inside a body: accumulation over micro-batches in one loop', () => {
    const w = tf.variable(numbers([3, 1], 1))
    const xs = numbers([4, 5, 3], 2) as tf.Tensor3D
    const gradient = (x: tf.Tensor2D) =>
      tf.variableGrads(() => tf.sum(tf.square(tf.matMul(x, matrix(w)))) as tf.Scalar, [w]).grads[w.name]!
    const whole = gradient(tf.reshape(xs, [20, 3]) as tf.Tensor2D)
    const accumulate = () =>
      scan((sum: tf.Tensor, x: tf.Tensor2D) => [tf.add(sum, gradient(x)), null], tf.zeros([3, 1]) as tf.Tensor, xs)[0]
    expectAllClose([accumulate()], [whole], 1e-4)
  })
})

describe.runIf(engines.includes('xla'))('control flow on xla', () => {
  beforeAll(() => useEngine('xla'))
  afterEach(() => tf.disposeVariables())

  it('records a jitted function inside a body, constants of the trace and tensors from outside', () => {
    const table = tf.range(0, 600)
    const twice = jit((x: tf.Tensor) => tf.mul(x, 2))
    const fn = jit((start: tf.Tensor) => {
      const made = tf.tensor1d(Float32Array.from({ length: 600 }, (_, i) => 600 - i))
      const half = tf.scalar(0.5)
      return scan(
        (c: tf.Tensor, _: null) => [tf.add(twice(c), tf.mul(half, tf.sum(tf.add(table, made)))), c],
        start,
        null,
        { length: 2 },
      )
    })
    const [last, ys] = fn(tf.scalar(1))
    expect([values(last), values(ys)]).toEqual([[540004], [1, 180002]])
  })

  it('names what recorded an op: functions and loops around it, then the kernel', () => {
    const origins: (string | undefined)[] = []
    const note = (x: tf.Tensor) => {
      origins.push((tf.backend() as XlaBackend).value(x).origin)
      return x
    }
    const inner = jit((x: tf.Tensor) => note(tf.cos(x)), { name: 'inner' })
    const step = jit(
      (x: tf.Tensor) =>
        scan((c: tf.Tensor, _: null) => [inner(note(tf.sin(c))), null], note(tf.exp(x)), null, { length: 3 })[0],
      { name: 'step' },
    )
    step.lower(tf.scalar(1))
    expect(origins).toEqual(['step/Exp', 'step/scan/Sin', 'step/scan/inner/Cos'])
  })
})
