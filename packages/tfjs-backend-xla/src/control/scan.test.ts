import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jit } from '../index'
import { scan } from './index'
import { engines, expectAllClose, expectClose, numbers, numericGradient, useEngine, values } from './testing'

describe.each(engines)('scan on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  it('gives the last carry and all results, forwards and backwards', () => {
    const xs = tf.tensor1d([1, 2, 3, 4])
    const sums = (reverse: boolean) =>
      scan((carry: tf.Tensor, x) => [tf.add(carry, x), tf.mul(carry, x)], tf.scalar(10), xs, { reverse })
    const [carry, ys] = sums(false)
    expect([values(carry), values(ys)]).toEqual([[20], [10, 22, 39, 64]])
    const [back, backwards] = sums(true)
    expect([values(back), values(backwards)]).toEqual([[20], [19, 34, 42, 40]])
  })

  it('carries nested structures of every type, takes static parts along and needs no xs', () => {
    const init = {
      count: tf.scalar(0, 'int32') as tf.Tensor,
      parts: [tf.zeros([2]), tf.scalar(true, 'bool')] as tf.Tensor[],
      mode: 'kept',
    }
    const [carry, ys] = scan(
      ({ count, parts, mode }: typeof init, _: null) => [
        { count: tf.add(count, tf.scalar(1, 'int32')), parts: [tf.add(parts[0]!, 2), tf.logicalNot(parts[1]!)], mode },
        { at: count, even: [parts[1]!] },
      ],
      init,
      null,
      { length: 5 },
    )
    expect([values(carry.count), values(carry.parts[0]!), values(carry.parts[1]!), carry.mode]).toEqual([
      [5],
      [10, 10],
      [0],
      'kept',
    ])
    expect([values(ys.at), values(ys.even[0]!), ys.at.dtype]).toEqual([[0, 1, 2, 3, 4], [1, 0, 1, 0, 1], 'int32'])
  })

  it('takes gradients with respect to the first carry, the rows, a tensor and a variable closed over', () => {
    const w = tf.variable(numbers([3, 3], 1))
    const step = (u: tf.Tensor2D) => (h: tf.Tensor2D, x: tf.Tensor2D) => {
      const next = tf.tanh(tf.add(tf.matMul(h, w as tf.Tensor2D), tf.matMul(x, u))) as tf.Tensor2D
      return [next, tf.mul(next, x)] as [tf.Tensor2D, tf.Tensor2D]
    }
    const scanned = (reverse: boolean) => (h: tf.Tensor2D, xs: tf.Tensor3D, v: tf.Tensor2D) => {
      // Closed over, and gone when the gradient is taken.
      const [last, ys] = scan(step(tf.mul(v, 2)), h, xs, { reverse })
      return tf.add(tf.sum(tf.mul(ys, tf.add(ys, xs))), tf.sum(last)) as tf.Scalar
    }
    const unrolled = (reverse: boolean) => (h: tf.Tensor2D, xs: tf.Tensor3D, v: tf.Tensor2D) => {
      const one = step(tf.mul(v, 2))
      let total: tf.Tensor = tf.scalar(0)
      let carry = h
      const rows = tf.unstack(xs) as tf.Tensor2D[]
      for (const x of reverse ? [...rows].reverse() : rows) {
        const [next, y] = one(carry, x)
        carry = next
        total = tf.add(total, tf.sum(tf.mul(y, tf.add(y, x))))
      }
      return tf.add(total, tf.sum(carry)) as tf.Scalar
    }
    const inputs = [numbers([2, 3], 2), numbers([5, 2, 3], 3), numbers([3, 3], 4)] as const
    const all = (fn: (h: tf.Tensor2D, xs: tf.Tensor3D, v: tf.Tensor2D) => tf.Scalar) => {
      const [h, xs, v] = inputs as unknown as [tf.Tensor2D, tf.Tensor3D, tf.Tensor2D]
      const { value, grads } = tf.variableGrads(() => fn(h, xs, v), [w])
      return [...tf.grads(fn as never)([h, xs, v]), value, grads[w.name]!]
    }
    for (const reverse of [false, true]) {
      const expected = all(unrolled(reverse))
      expectAllClose(all(scanned(reverse)), expected)
      if (engine === 'xla') expectAllClose(jit(() => all(scanned(reverse)))(), expected)
    }
    const numeric = numericGradient(
      (x) => scanned(false)(inputs[0] as tf.Tensor2D, inputs[1] as tf.Tensor3D, x as tf.Tensor2D),
      inputs[2],
    )
    expectClose(all(scanned(false))[2]!, numeric, 2e-2)
  })

  it('has gradients for what is passed through or ignored, and 0 for what is not reached', () => {
    const [a, b, c] = [numbers([2], 1), numbers([3, 2], 2), numbers([2], 3)]
    const f = (init: tf.Tensor, xs: tf.Tensor, outer: tf.Tensor) => {
      const [[first, kept], ys] = scan(
        (carry: tf.Tensor[], x: tf.Tensor) => [[tf.mul(carry[0]!, 2), carry[1]!], { x, outer }],
        [init, init],
        xs,
      )
      return tf.sum(tf.add(tf.add(first!, kept!), tf.add(tf.sum(ys.x, 0), tf.sum(ys.outer, 0)))) as tf.Scalar
    }
    const gradients = tf.grads(f as never)([a, b, c])
    expect(gradients.map(values)).toEqual([
      [9, 9],
      [1, 1, 1, 1, 1, 1],
      [3, 3],
    ])
    const unused = tf.grad((x) => {
      const [, ys] = scan((carry: tf.Tensor, row: tf.Tensor) => [tf.mul(carry, x), tf.mul(row, 2)], a, b)
      return tf.add(tf.sum(ys), tf.sum(x))
    })(c)
    expect(values(unused)).toEqual([1, 1])
  })

  it('says which part of the carry changes, and from what to what', () => {
    const at = { h: [tf.zeros([2, 3])], n: tf.scalar(0, 'int32') }
    const start = (next: (carry: typeof at) => unknown) => () =>
      scan((carry: typeof at, _: null) => [next(carry) as typeof at, null], at, null, { length: 2 })
    expect(start(({ n }) => ({ h: [tf.zeros([2, 4])], n }))).toThrow(
      /float32 \[2, 4\] at \.h\[0\], where the carry that it was given is float32 \[2, 3\]/,
    )
    expect(start(({ h }) => ({ h, n: tf.scalar(1) }))).toThrow(/float32 \[\] at \.n, .* int32 \[\]/)
    expect(start(({ h }) => ({ h }))).toThrow(/another structure.*at \.h\[0\], those of the other at \.h\[0\], \.n/)
    expect(() => scan((carry: tf.Tensor, _: null) => [carry, null], tf.scalar(0), null)).toThrow(/option length/)
    expect(() => scan((c: tf.Tensor, _: unknown) => [c, null], tf.scalar(0), [tf.ones([2]), tf.ones([3])])).toThrow(
      /xs\[1\] has 3 rows where 2 steps/,
    )
  })

  it('refuses a body that assigns variables, and leaves them as they were', () => {
    const w = tf.variable(tf.scalar(3))
    const assigning = () =>
      scan(
        (carry: tf.Tensor, x) => {
          w.assign(tf.scalar(4))
          return [tf.add(carry, x), null]
        },
        tf.scalar(0),
        tf.ones([3]),
      )
    expect(assigning).toThrow(/the body of scan assigns the variable/)
    expect(values(w)).toEqual([3])
  })

  it('keeps the number of tensors over many calls with gradients', () => {
    const w = tf.variable(numbers([2, 2], 1))
    const step = () =>
      tf.tidy(() => {
        const loss = () => {
          const [h] = scan(
            (h: tf.Tensor2D, x: tf.Tensor2D) => [
              tf.tanh(tf.matMul(tf.add(h, x), w as tf.Tensor2D)) as tf.Tensor2D,
              null,
            ],
            tf.zeros([1, 2]) as tf.Tensor2D,
            tf.ones([4, 1, 2]) as tf.Tensor3D,
          )
          return tf.sum(h) as tf.Scalar
        }
        const { grads } = tf.variableGrads(loss, [w])
        w.assign(tf.sub(w, tf.mul(grads[w.name]!, 0.1)))
      })
    step()
    const before = [tf.memory().numTensors, tf.memory().numDataBuffers]
    for (let i = 0; i < 5; i++) step()
    expect([tf.memory().numTensors, tf.memory().numDataBuffers]).toEqual(before)
  })
})

describe.runIf(engines.includes('xla'))('scan on xla', () => {
  beforeAll(() => useEngine('xla'))
  afterEach(() => tf.disposeVariables())

  it('is one small program however many steps there are', () => {
    const run = (length: number) =>
      jit((x: tf.Tensor) => scan((c: tf.Tensor, _: null) => [tf.sin(tf.add(c, x)), null], x, null, { length })[0])
    const [short, long] = [run(2), run(100_000)]
    expect(long.lower(tf.scalar(1)).split('\n')).toHaveLength(short.lower(tf.scalar(1)).split('\n').length)
    expect(Number.isFinite(values(long(tf.scalar(1)))[0]!)).toBe(true)
  })

  it('refuses to differentiate its gradient', () => {
    const cube = (x: tf.Tensor) =>
      scan((c: tf.Tensor, _: null) => [tf.mul(c, x), null], tf.onesLike(x), null, { length: 3 })[0]
    const slope = tf.grad((x) => tf.sum(cube(x)))
    expect(values(slope(tf.tensor1d([2])))).toEqual([12])
    expect(() => tf.grad((x) => tf.sum(slope(x)))(tf.tensor1d([2]))).toThrow(/scan cannot be differentiated twice/)
  })

  it('draws keyed random numbers in its body, those of the key of each step', () => {
    const draw = (key: tf.Tensor) =>
      tf.engine().runKernel('KeyedUniform', { key }, { shape: [4], stream: 1 }) as tf.Tensor
    const keys = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32')
    const [, drawn] = scan((c: tf.Tensor, key: tf.Tensor1D) => [c, draw(key)], tf.scalar(0), keys)
    expect(values(drawn)).toEqual((tf.unstack(keys) as tf.Tensor[]).flatMap((key) => values(draw(key))))
  })

  it('says where a tensor is read in its body', () => {
    const read = () => scan((c: tf.Tensor, x) => [tf.mul(c, x.dataSync()[0]!), null], tf.scalar(0), tf.ones([3]))
    expect(read).toThrow(/read on the host inside the body of scan.*, at .*scan\.test\.ts:\d+/)
  })
})
