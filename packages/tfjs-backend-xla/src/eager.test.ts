import './gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla, type XlaBackend } from './index'

const scalarOf = (tensor: tf.Tensor) => {
  const value = tensor.dataSync()[0]!
  tensor.dispose()
  return value
}

describe.skipIf(!findPlugin({ device: 'cpu' }))('eager use', () => {
  let backend: XlaBackend
  beforeAll(async () => {
    backend = await registerXla({ device: 'cpu' })
  })

  /** Programs that `round` compiles in its last `counted` calls of `total`. */
  const compiledLate = (round: (i: number) => void, total: number, counted: number): number => {
    let before = 0
    for (let i = 0; i < total; i++) {
      if (i === total - counted) before = backend.compileCount
      round(i)
    }
    return backend.compileCount - before
  }

  const model = () => {
    const w = tf.variable(tf.tensor2d([0.1, -0.2, 0.3, 0.1], [4, 1]))
    const b = tf.variable(tf.zeros([1]))
    const truth = tf.tensor2d([1, -2, 3, 0.5], [4, 1])
    const optimizer = tf.train.adam(0.1)
    const step = (i: number): tf.Scalar => {
      // What a user changes from step to step: the data and the learning rate.
      ;(optimizer as unknown as { learningRate: number }).learningRate = 0.1 / (1 + i / 50)
      const x = tf.randomNormal([8, 4]) as tf.Tensor2D
      const { value, grads } = tf.variableGrads(() => {
        const y = tf.matMul(x, truth)
        return tf.losses.meanSquaredError(y, tf.add(tf.matMul(x, w as tf.Tensor2D), b)) as tf.Scalar
      })
      optimizer.applyGradients(grads as Parameters<typeof optimizer.applyGradients>[0])
      tf.dispose([x, grads])
      return value
    }
    return { step }
  }

  it('compiles a training loop once, though data and learning rate change', () => {
    const { step } = model()
    const losses: number[] = []
    const compiled = compiledLate((i) => losses.push(scalarOf(step(i))), 60, 55)
    expect(compiled).toBe(0)
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 10)
    tf.disposeVariables()
  })

  it('compiles it once, too, where nothing is read: a step ends where the next one uses what it has updated', () => {
    const { step } = model()
    expect(compiledLate((i) => step(i).dispose(), 60, 55)).toBe(0)
    tf.disposeVariables()
  })

  it('runs work that is never read at the beginning of an outermost tidy, once it has grown', () => {
    const x = tf.tensor1d([1, 2, 3])
    const results: tf.Tensor[] = []
    const round = () => {
      const y = tf.tidy(() => {
        let y: tf.Tensor = x
        for (let k = 0; k < 37; k++) y = tf.sin(tf.add(y, tf.tensor1d([k, 0, 1])))
        return y
      })
      results.push(y)
      if (results.length > 3) results.shift()!.dispose()
    }
    const before = backend.compileCount
    // Rounds of some 111 ops: the first cut compiles what the others find.
    expect(compiledLate(round, 40, 30)).toBe(0)
    expect(backend.compileCount).toBeGreaterThan(before)
    const sums = results.map((y) => tf.sum(y).dataSync()[0])
    expect(new Set(sums).size).toBe(1)
  })

  it('compiles once for all slices of one size of a data set', () => {
    const data = tf.reshape(tf.range(0, 200), [50, 4])
    data.dataSync()
    const sums: number[] = []
    const round = (i: number) => sums.push(scalarOf(tf.tidy(() => tf.sum(tf.slice(data, [i, 1], [2, 2])))))
    expect(compiledLate(round, 20, 18)).toBe(0)
    expect(sums).toEqual(Array.from({ length: 20 }, (_, i) => 4 * (4 * i) + 14))
    data.dispose()
  })

  it('gives the memory of an old value to the new one', () => {
    const size = 1 << 18
    const w = tf.variable(tf.ones([size]))
    const update = () => tf.tidy(() => w.assign(tf.mul(w, 1.5)))
    const bytes = Array.from({ length: 6 }, () => {
      update()
      backend.flush()
      return backend.deviceBytes
    })
    expect(new Set(bytes.slice(1)).size).toBe(1)
    expect(w.dataSync()[size - 1]).toBeCloseTo(1.5 ** 6, 4)
    w.dispose()
    expect(bytes[5]! - backend.deviceBytes).toBeGreaterThanOrEqual(4 * size)
  })

  it('does not give away memory that somebody else still has', () => {
    const w = tf.variable(tf.ones([4]))
    const before = w.clone()
    const old = tf.add(w, 0)
    w.assign(tf.mul(w, 2))
    expect(Array.from(w.dataSync())).toEqual([2, 2, 2, 2])
    w.assign(tf.mul(w, 2))
    expect([before, old, w].map((t) => t.dataSync()[0])).toEqual([1, 1, 4])
    tf.dispose([before, old, w])
  })

  it('computes what is still held, once, and reads it as often as it is asked to', () => {
    const x = tf.add(tf.tensor1d([1, 2]), 1)
    const y = tf.mul(x, 3)
    x.dispose()
    expect([Array.from(y.dataSync()), Array.from(y.dataSync())]).toEqual([
      [6, 9],
      [6, 9],
    ])
    const compiled = backend.compileCount
    backend.flush()
    expect(backend.compileCount).toBe(compiled)
  })

  it('lets other JavaScript run while a value that data() asked for is computed', async () => {
    let x: tf.Tensor2D = tf.randomUniform([700, 700], 0, 1e-3)
    for (let i = 0; i < 12; i++) x = tf.matMul(x, x)
    let settled = false
    const read = x.data().then((values) => {
      settled = true
      return values.length
    })
    let turns = 0
    while (!settled && turns < 1e9) {
      await new Promise(setImmediate)
      turns++
    }
    expect(await read).toBe(700 * 700)
    // Blocked, the loop would come round once at most.
    expect(turns).toBeGreaterThan(3)
  })

  it('goes on after a program that could not be compiled, and says which tensors are lost', () => {
    const kept = tf.tensor1d([1, 2])
    const { hlo } = backend
    const broken = hlo.graph.node('stablehlo.no_such_op', [backend.value(kept)], {
      type: { element: 'f32', shape: [2] },
    })
    const lost = tf.engine().makeTensorFromTensorInfo(backend.makeOutput(broken))
    expect(() => lost.dataSync()).toThrow()
    expect(() => lost.dataSync()).toThrow(/could not be computed/)
    expect(Array.from(tf.add(kept, 1).dataSync())).toEqual([2, 3])
    tf.dispose([kept, lost])
  })
})
