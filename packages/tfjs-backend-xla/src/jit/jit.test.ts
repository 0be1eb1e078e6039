import '../gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { assertMaxTraces, findPlugin, jit, registerXla, type XlaBackend } from '../index'

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync())

describe.skipIf(!findPlugin({ device: 'cpu' }))('jit', () => {
  let backend: XlaBackend
  beforeAll(async () => {
    backend = await registerXla({ device: 'cpu' })
  })

  it('traces once per combination of shapes and static arguments, and takes and gives nested structures', () => {
    let calls = 0
    const fn = jit(({ x, parts }: { x: tf.Tensor; parts: tf.Tensor[] }, scale: number, label: string | null) => {
      calls++
      return { sum: tf.add(x, parts[0]!), list: [tf.mul(parts[1]!, scale)], label }
    })
    const run = (n: number, scale: number) =>
      fn({ x: tf.ones([n]), parts: [tf.ones([n]), tf.fill([2], 3)] }, scale, 'kept')
    const first = run(3, 2)
    expect([values(first.sum), values(first.list[0]!), first.label]).toEqual([[2, 2, 2], [6, 6], 'kept'])
    run(3, 2)
    expect([calls, fn.traceCount]).toEqual([1, 1])
    expect(values(run(3, 5).list[0]!)).toEqual([15, 15])
    expect(values(run(4, 5).sum)).toEqual([2, 2, 2, 2])
    expect([calls, fn.traceCount]).toEqual([3, 3])
  })

  it('is not disturbed by variables of strings', () => {
    const words = tf.variable(tf.tensor1d(['a', 'b'], 'string'))
    const double = jit((x: tf.Tensor) => tf.mul(x, 2))
    expect(values(double(tf.tensor1d([1, 2])))).toEqual([2, 4])
    expect(words.dataSync()).toEqual(['a', 'b'])
    words.dispose()
  })

  it('looks variables up at each call, updates those assigned, and leaves clones of their values alone', () => {
    const counter = tf.variable(tf.scalar(1))
    const offset = tf.variable(tf.scalar(10))
    const fn = jit((by: tf.Scalar) => {
      counter.assign(tf.add(counter, by))
      return tf.add(counter, offset)
    })
    expect(values(fn(tf.scalar(2)))).toEqual([13])
    const before = counter.clone()
    offset.assign(tf.scalar(100))
    expect(values(fn(tf.scalar(2)))).toEqual([105])
    expect([values(before), values(counter)]).toEqual([[3], [5]])
    expect(values(fn(tf.scalar(1)))).toEqual([106])
    expect(fn.traceCount).toBe(1)
  })

  it('keeps two variables apart that began with one value', () => {
    const start = tf.tensor1d([1, 2])
    const [a, b] = [tf.variable(start), tf.variable(start)]
    const fn = jit(() => {
      a.assign(tf.mul(a, 2))
      return tf.add(tf.mul(a, 100), b)
    })
    fn().dispose()
    expect(values(fn())).toEqual([401, 802])
    expect([values(start), values(b)]).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  it('captures tensors from outside and bakes in those made inside', () => {
    const table = tf.range(0, 1000)
    const fn = jit((at: tf.Tensor1D) => tf.add(tf.gather(table, at), tf.scalar(0.5)))
    expect(values(fn(tf.tensor1d([7, 999], 'int32')))).toEqual([7.5, 999.5])
    const large = jit((x: tf.Tensor1D) => tf.add(x, tf.tensor1d(Float32Array.from({ length: 500 }, (_, i) => i))))
    expect(values(large(tf.ones([500])))[499]).toBe(500)
  })

  it('says what went wrong when a tensor is read inside, and works again afterwards', () => {
    const weight = tf.variable(tf.scalar(3))
    const broken = jit(function myStep(x: tf.Tensor) {
      weight.assign(tf.scalar(7))
      return tf.mul(x, x.dataSync()[0]!)
    })
    expect(() => broken(tf.scalar(2))).toThrow(/read on the host inside jit\(myStep\)/)
    expect(values(weight)).toEqual([3])
    expect(values(jit((x: tf.Tensor) => tf.mul(x, weight))(tf.scalar(2)))).toEqual([6])
  })

  it('refuses tensors that escape a trace and variables made inside one', () => {
    let escaped: tf.Tensor | undefined
    jit((x: tf.Tensor) => {
      escaped = tf.keep(tf.mul(x, 2))
      return x
    })(tf.scalar(1))
    expect(() => tf.add(escaped!, 1)).toThrow(/made inside jit/)
    expect(() => jit((x: tf.Tensor) => tf.variable(x))(tf.scalar(1))).toThrow(/make variables before the first call/)
  })

  it('differentiates inside, and equals the eager result', () => {
    const x = tf.tensor2d([
      [0.3, -1.2],
      [2, 0.1],
    ])
    const gradient = (t: tf.Tensor) =>
      tf.grad((y: tf.Tensor) => tf.sum(tf.softmax(tf.matMul(y as tf.Tensor2D, y as tf.Tensor2D, false, true))))(t)
    const loss = (t: tf.Tensor) => tf.grad((y: tf.Tensor) => tf.sum(tf.square(tf.logSoftmax(y))))(t)
    const eager = values(loss(x))
    values(jit(loss)(x)).forEach((value, i) => {
      expect(value).toBeCloseTo(eager[i]!, 5)
    })
    for (const value of values(jit(gradient)(x))) expect(Math.abs(value)).toBeLessThan(1e-6)
  })

  it('keeps tensors, entries and compiled programs constant over many calls', () => {
    const state = tf.variable(tf.zeros([100]))
    const fn = jit((x: tf.Tensor) => {
      state.assign(tf.add(tf.mul(state, 0.5), x))
      return tf.sum(state)
    })
    const step = () => {
      const x = tf.ones([100])
      const y = fn(x)
      const value = y.dataSync()[0]!
      tf.dispose([x, y])
      return value
    }
    step()
    const [tensors, entries, programs] = [tf.memory().numTensors, backend.numDataIds(), backend.compileCount]
    let last = 0
    for (let i = 0; i < 200; i++) last = step()
    expect(last).toBeCloseTo(200, 3)
    expect([tf.memory().numTensors, backend.numDataIds(), backend.compileCount]).toEqual([tensors, entries, programs])
  })

  it('compiles an eager loop once', () => {
    const w = tf.variable(tf.scalar(5))
    const step = (rate: number) =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() => tf.square(tf.sub(w, 2)) as tf.Scalar, [w])
        w.assign(tf.sub(w, tf.mul(grads[w.name]!, rate)))
        return value.dataSync()[0]!
      })
    step(0.1)
    step(0.2)
    const before = backend.compileCount
    let loss = 0
    for (let i = 0; i < 50; i++) loss = step(0.1 + i / 1000)
    expect(backend.compileCount).toBe(before)
    expect(loss).toBeLessThan(1e-6)
  })

  it('prints the program of a call without compiling it, and says what memory it needs', () => {
    const fn = jit((x: tf.Tensor) => tf.relu(x), { name: 'show me' })
    const before = backend.compileCount
    expect(fn.lower(tf.ones([2, 3]))).toMatch(/module @show_me[\s\S]*tensor<2x3xf32>[\s\S]*stablehlo.maximum/)
    expect([backend.compileCount, fn.traceCount]).toEqual([before, 1])
    expect(fn.memory(tf.ones([2, 3]))).toMatchObject({ arguments: 24, outputs: 24 })
    expect([backend.compileCount, fn.traceCount]).toEqual([before + 1, 1])
  })

  it('takes options objects, in any order of their properties, and tells every static value apart', () => {
    const fn = jit((x: tf.Tensor, options: { by: number; mode?: string | undefined }) =>
      options.mode === 'divide' ? tf.div(x, options.by) : tf.mul(x, options.by),
    )
    const x = tf.scalar(6)
    const results = [
      fn(x, { by: 2, mode: 'divide' }),
      fn(x, { mode: 'divide', by: 2 }),
      fn(x, { by: 2, mode: undefined }),
      fn(x, { by: 0 }),
      fn(x, { by: -0 }),
    ]
    expect(results.map((y) => values(y)[0])).toEqual([3, 3, 12, 0, -0])
    expect(fn.traceCount).toBe(4)
    const wrong = (value: unknown) => () => fn(x, { by: value as number })
    expect(wrong(new Float32Array(3))).toThrow(/not a Float32Array \(at \[1\]\.by\): make it a tensor/)
    expect(wrong(() => 1)).toThrow(/not a function \(at \[1\]\.by\): let the function close over it/)
    expect(wrong(new Date(0))).toThrow(/not a Date/)
  })

  it('names the line of a read on the host, also of one that is awaited', () => {
    const at = /read on the host inside jit\(\w+\), .*, at .*jit\.test\.ts:\d+:\d+/
    const x = tf.scalar(1)
    const print = vi.spyOn(console, 'log').mockImplementation(() => {})
    expect(() => jit((t: tf.Tensor) => tf.mul(t, t.dataSync()[0]!))(x)).toThrow(at)
    expect(() => jit((t: tf.Tensor) => t.print())(x)).toThrow(at)
    expect(() => jit(async (t: tf.Tensor) => tf.mul(t, (await t.data())[0]!))(x)).toThrow(at)
    expect(() => jit((t: tf.Tensor) => tf.whereAsync(tf.cast(t, 'bool')))(x)).toThrow(at)
    expect(() => jit(async (t: tf.Tensor) => t)(x)).toThrow(/jit\(\w+\) returns a promise/)
    print.mockRestore()
  })

  it('refuses more traces than allowed, and names the shapes that vary', () => {
    const sum = jit(({ audio }: { audio: tf.Tensor }, scale: number) => tf.mul(tf.sum(audio), scale), {
      name: 'sum',
      maxTraces: 2,
    })
    sum({ audio: tf.ones([3]) }, 1)
    sum({ audio: tf.ones([4]) }, 1)
    expect(() => sum({ audio: tf.ones([5]) }, 1)).toThrow(
      /jit\(sum\) is traced for the 3rd time, where at most 2 are allowed. argument \[0\]\.audio came as float32\[3\], float32\[4\], float32\[5\]: pad/,
    )
    expect(values(sum({ audio: tf.ones([4]) }, 1))).toEqual([4])
    assertMaxTraces(sum, 2)
    expect(() => assertMaxTraces(sum, 1)).toThrow(/2nd time, where at most 1 is allowed/)
    const scaled = jit((x: tf.Tensor, rate: number) => tf.mul(x, rate), { maxTraces: 1 })
    scaled(tf.scalar(1), 0.1)
    expect(() => scaled(tf.scalar(1), 0.2)).toThrow(/Static arguments .* pass numbers that change as tensors/)
  })

  it('warns once when ragged shapes keep it compiling', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const fn = jit((x: tf.Tensor) => tf.sum(x), { name: 'ragged' })
    const call = (n: number) => fn(tf.ones([n])).dispose()
    for (let n = 1; n <= 8; n++) for (let again = 0; again < 2; again++) call(n)
    expect(warn).not.toHaveBeenCalled()
    for (let n = 9; n <= 12; n++) call(n)
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      expect.stringMatching(
        /^jit\(ragged\) has been traced and compiled 9 times in its last 17 calls\. argument \[0\] came as …, float32\[6\].* float32\[9\]: pad/,
      ),
    ])
    warn.mockRestore()
  })
})
