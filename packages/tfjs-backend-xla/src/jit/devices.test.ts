import '../gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla, type XlaBackend, XlaError } from '../index'

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync())

/** Numbers of [-1, 1) that follow from the seed alone. */
const numbers = (shape: number[], seed: number, scale = 1) => {
  let state = seed * 2654435761
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return ((state >>> 8) / 2 ** 23 - 1) * scale
  }
  return tf.tensor(Float32Array.from({ length: tf.util.sizeFromShape(shape) }, next), shape)
}

const keyedUniform = (key: tf.Tensor, shape: number[], stream: number) =>
  tf.engine().runKernel('KeyedUniform', { key }, { shape, stream }) as unknown as tf.Tensor

const dropout = (x: tf.Tensor, key: tf.Tensor, stream: number, rate: number) => {
  const keep = tf.greaterEqual(keyedUniform(key, x.shape, stream), rate)
  return tf.div(tf.where(keep, x, tf.zerosLike(x)), 1 - rate)
}

interface Model {
  readonly parameters: readonly tf.Variable[]
  loss(batch: { x: tf.Tensor; y: tf.Tensor }, key: tf.Tensor): tf.Scalar
}

const mlp = (): Model => {
  const w1 = tf.variable(numbers([6, 16], 1, 0.5))
  const b1 = tf.variable(tf.zeros([16]))
  const w2 = tf.variable(numbers([16, 3], 2, 0.5))
  return {
    parameters: [w1, b1, w2],
    loss: ({ x, y }, key) => {
      const hidden = tf.tanh(tf.add(tf.matMul(x as tf.Tensor2D, w1 as tf.Tensor2D), b1))
      const out = tf.matMul(dropout(hidden, key, 0, 0.2) as tf.Tensor2D, w2 as tf.Tensor2D)
      return tf.mean(tf.square(tf.sub(out, y))) as tf.Scalar
    },
  }
}

/** Self-attention, a feed-forward layer and layer norms, over x [batch, time 5, channels 6]; y is [batch, 3]. */
const transformer = (): Model => {
  const weight = (shape: number[], seed: number) => tf.variable(numbers(shape, seed, 0.4))
  const [q, k, v, o] = [11, 12, 13, 14].map((seed) => weight([6, 6], seed)) as tf.Variable[]
  const [up, down, head] = [weight([6, 12], 15), weight([12, 6], 16), weight([6, 3], 17)]
  const gain = tf.variable(tf.ones([6]))
  const norm = (x: tf.Tensor) => {
    const { mean, variance } = tf.moments(x, -1, true)
    return tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5))), gain)
  }
  const linear = (x: tf.Tensor, w: tf.Tensor) => {
    const [batch, time, channels] = x.shape as [number, number, number]
    return tf.reshape(tf.matMul(tf.reshape(x, [batch * time, channels]), w as tf.Tensor2D), [batch, time, w.shape[1]!])
  }
  return {
    parameters: [q!, k!, v!, o!, up, down, head, gain],
    loss: ({ x, y }, key) => {
      const scores = tf.matMul(linear(x, q!), linear(x, k!), false, true)
      const attended = tf.matMul(tf.softmax(tf.mul(scores, 6 ** -0.5)), linear(x, v!))
      const first = norm(tf.add(x, dropout(linear(attended, o!), key, 1, 0.1)))
      const second = norm(tf.add(first, linear(tf.relu(linear(first, up)), down)))
      const logits = tf.matMul(tf.mean(dropout(second, key, 2, 0.1), 1) as tf.Tensor2D, head as tf.Tensor2D)
      return tf.neg(tf.mean(tf.sum(tf.mul(y, tf.logSoftmax(logits)), -1))) as tf.Scalar
    },
  }
}

/** Trains for six steps and gives the losses, and all parameters and moments. */
const train = (make: () => Model, shape: number[], devices: number) => {
  const model = make()
  const state = model.parameters.flatMap((parameter) => [0, 1].map(() => tf.variable(tf.zeros(parameter.shape))))
  const step = jit(
    (batch: { x: tf.Tensor; y: tf.Tensor }, key: tf.Tensor, controls: tf.Tensor1D) => {
      const [rate, number] = tf.unstack(controls)
      const { value, grads } = tf.variableGrads(() => model.loss(batch, key), [...model.parameters])
      model.parameters.forEach((parameter, i) => {
        const [m, v] = [state[2 * i]!, state[2 * i + 1]!]
        const grad = grads[parameter.name]!
        m.assign(tf.add(tf.mul(m, 0.9), tf.mul(grad, 0.1)))
        v.assign(tf.add(tf.mul(v, 0.99), tf.mul(tf.square(grad), 0.01)))
        const correct = (moment: tf.Tensor, beta: number) => tf.div(moment, tf.sub(1, tf.pow(beta, number!)))
        const update = tf.div(correct(m, 0.9), tf.add(tf.sqrt(correct(v, 0.99)), 1e-2))
        parameter.assign(tf.sub(tf.mul(parameter, 0.999), tf.mul(update, rate!)))
      })
      return value
    },
    { devices, sharded: [0] },
  )
  const losses = Array.from({ length: 6 }, (_, i) => {
    const batch = { x: numbers(shape, 100 + i), y: numbers([shape[0]!, 3], 200 + i) }
    return step(batch, tf.tensor1d([7, i], 'int32'), tf.tensor1d([0.05, i + 1])).dataSync()[0]!
  })
  expect(step.traceCount).toBe(1)
  return { losses, state: [...model.parameters, ...state].map(values), model, step }
}

/** Largest difference of two tensors, relative to the size of the one expected (root mean square of its numbers). */
const difference = (actual: readonly number[], expected: readonly number[]) => {
  const size = Math.sqrt(expected.reduce((sum, x) => sum + x * x, 0) / expected.length)
  return Math.max(...actual.map((x, i) => Math.abs(x - expected[i]!))) / size
}

describe.skipIf(!findPlugin({ device: 'cpu' }))('jit over several devices', () => {
  let backend: XlaBackend
  beforeAll(async () => {
    backend = await registerXla({ device: 'cpu', deviceCount: 4 })
  })

  const cases = [
    ['an MLP', mlp, [8, 6]],
    ['a Transformer layer', transformer, [8, 5, 6]],
  ] as const
  for (const [name, make, shape] of cases) {
    for (const devices of [2, 4]) {
      it(`trains ${name} on ${devices} devices to the numbers of one with the whole batch`, () => {
        const one = train(make, [...shape], 1)
        const several = train(make, [...shape], devices)
        expect(difference(several.losses, one.losses)).toBeLessThan(1e-6)
        const parameters = one.model.parameters.length
        several.state.forEach((tensor, i) => {
          // The moments are sums of what nearly cancels, which the order of summation shows in sooner.
          expect(difference(tensor, one.state[i]!)).toBeLessThan(i < parameters ? 1e-6 : 5e-6)
        })
        expect(one.losses[5]).not.toBeCloseTo(one.losses[0]!, 3)
      })
    }
  }

  it('cuts the batch: each device computes with its own rows, and the sum is taken over all', () => {
    const w = tf.variable(tf.ones([3]))
    const fn = jit((x: tf.Tensor2D) => ({ sum: tf.sum(tf.mul(x, w)), twice: tf.mul(x, 2) }), {
      devices: 2,
      sharded: [0],
    })
    const x = tf.tensor2d([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [4, 3])
    const text = fn.lower(x)
    expect(text).toContain('tensor<4x3xf32> {sdy.sharding = #sdy.sharding<@devices, [{"batch"}, {}]>}')
    const { sum, twice } = fn(x)
    expect(values(sum)).toEqual([66])
    expect(values(twice)).toEqual(values(x).map((value) => 2 * value))
    // The program of one device takes half of the rows.
    const { arguments: bytes } = backend
      .compile(text, [
        { element: 'f32', shape: [] },
        { element: 'f32', shape: [4, 3] },
      ])
      .memoryStats()
    expect(bytes).toBe(4 * (2 * 3 + 3))
  })

  it('leaves variables usable outside: eager ops, assignment, reading, and functions on one device', () => {
    const w = tf.variable(tf.tensor1d([1, 2]))
    const double = jit(
      (x: tf.Tensor2D) => {
        w.assign(tf.mul(w, 2))
        return tf.sum(tf.mul(x, w))
      },
      { devices: 2, sharded: [0] },
    )
    const addOne = jit(() => {
      w.assign(tf.add(w, 1))
      return tf.clone(w)
    })
    const x = tf.ones([2, 2]) as tf.Tensor2D
    expect(values(double(x))).toEqual([12])
    expect(values(tf.add(w, 0.5))).toEqual([2.5, 4.5])
    expect(values(addOne())).toEqual([3, 5])
    expect(values(double(x))).toEqual([32])
    w.assign(tf.tensor1d([10, 20]))
    expect(values(double(x))).toEqual([120])
    // A tensor that shares the variable's memory keeps its value, and so does every copy of it.
    const before = w.clone()
    expect(values(double(x))).toEqual([240])
    expect(values(before)).toEqual([20, 40])
    expect(values(jit((y: tf.Tensor2D) => tf.sum(tf.mul(y, before)), { devices: 2, sharded: [0] })(x))).toEqual([120])
  })

  it('takes batches that were computed on a device, and repeated ones', () => {
    const fn = jit((x: tf.Tensor) => tf.sum(x), { devices: 4, sharded: [0] })
    const x = tf.mul(tf.range(0, 8), 2)
    expect(values(fn(x))).toEqual([56])
    expect(values(fn(x))).toEqual([56])
    expect(values(fn(tf.ones([8])))).toEqual([8])
  })

  it('refuses a batch that does not divide, and more devices than there are', () => {
    const fn = jit(({ x }: { x: tf.Tensor; scale: tf.Tensor }) => tf.sum(x), { name: 'step', devices: 2, sharded: [0] })
    const scale = tf.scalar(1)
    expect(() => fn({ x: tf.ones([3, 2]), scale })).toThrow(
      /argument \[0\]\.x of jit\(step\) is float32 \[3, 2\]: its 3 rows cannot be shared equally by 2 devices/,
    )
    expect(values(fn({ x: tf.ones([4, 2]), scale }))).toEqual([8])
    expect(() => jit((x: tf.Tensor) => x, { devices: 5 })(scale)).toThrow(/5 devices, and there are 4.*deviceCount: 5/)
    expect(() => jit((x: tf.Tensor) => x, { devices: 0 })(scale)).toThrow(XlaError)
  })

  it('frees the copies on all devices with the tensor', () => {
    const w = tf.variable(tf.zeros([4]))
    const fn = jit(
      (x: tf.Tensor) => {
        w.assign(tf.add(w, tf.sum(x)))
        return tf.sum(w)
      },
      { devices: 4, sharded: [0] },
    )
    const step = () => {
      const x = tf.ones([4])
      const y = fn(x)
      tf.dispose([x, y])
    }
    step()
    const before = backend.client.liveObjectCount
    for (let i = 0; i < 50; i++) step()
    expect(values(w)[0]).toBe(4 * 51)
    expect(backend.client.liveObjectCount).toBe(before)
  })
})
