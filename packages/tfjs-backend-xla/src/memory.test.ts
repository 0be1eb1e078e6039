import './gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla, type XlaBackend } from './index'

describe.skipIf(!findPlugin({ device: 'cpu' }))('memory over many steps', () => {
  let backend: XlaBackend
  beforeAll(async () => {
    backend = await registerXla({ device: 'cpu' })
  })

  /** All that is alive: TensorFlow.js's tensors, the backend's, PJRT's objects and the device's bytes. */
  const alive = () => {
    backend.flush()
    const { numTensors, numDataBuffers, numBytes } = tf.memory()
    const { liveObjectCount } = backend.client
    const { deviceBytes, compileCount } = backend
    return {
      numTensors,
      numDataBuffers,
      numBytes,
      entries: backend.numDataIds(),
      liveObjectCount,
      deviceBytes,
      compileCount,
    }
  }

  /** Runs `step` and compares what is alive after a tenth of the steps with what is alive at the end. */
  const expectFlat = (steps: number, step: (i: number) => void, megabytes: number) => {
    for (let i = 0; i < steps / 10; i++) step(i)
    const [before, rss] = [alive(), process.memoryUsage.rss()]
    for (let i = steps / 10; i < steps; i++) step(i)
    expect(alive()).toEqual(before)
    expect((process.memoryUsage.rss() - rss) / 2 ** 20).toBeLessThan(megabytes)
  }

  it('stays flat over 10,000 jitted steps', () => {
    const w = tf.variable(tf.ones([64]))
    const fn = jit((x: tf.Tensor, rate: tf.Scalar) => {
      const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(tf.sub(w, x))) as tf.Scalar, [w])
      w.assign(tf.sub(w, tf.mul(grads[w.name]!, rate)))
      return value
    })
    expectFlat(
      10_000,
      (i) => {
        const [x, rate] = [tf.fill([64], 2), tf.scalar(0.1 / (1 + i / 1000))]
        const loss = fn(x, rate)
        if (i % 100 === 0) loss.dataSync()
        tf.dispose([x, rate, loss])
      },
      150,
    )
    expect(w.dataSync()[0]).toBeCloseTo(2, 2)
    fn.dispose()
    w.dispose()
  })

  it('stays flat over 2,000 eager steps', () => {
    const w = tf.variable(tf.ones([64, 4]))
    const optimizer = tf.train.adam(0.01)
    expectFlat(
      2000,
      (i) => {
        const x = tf.randomNormal([8, 64]) as tf.Tensor2D
        const loss = optimizer.minimize(() => tf.mean(tf.square(tf.matMul(x, w as tf.Tensor2D))) as tf.Scalar, true)!
        if (i % 100 === 0) loss.dataSync()
        tf.dispose([x, loss])
      },
      150,
    )
    optimizer.dispose()
    w.dispose()
  })

  it('is counted by tf.memory(): reshapes and clones share, disposal gives back', () => {
    const before = tf.memory()
    const x = tf.ones([16, 16])
    const y = tf.add(x, 1)
    const views = [y.clone(), tf.reshape(y, [256])]
    const { numTensors, numBytes } = tf.memory()
    expect([numTensors - before.numTensors, numBytes - before.numBytes]).toEqual([4, 4096])
    y.dispose()
    expect(views.map((view) => view.dataSync()[255])).toEqual([2, 2])
    tf.dispose([x, ...views])
    expect(tf.memory()).toMatchObject({ numTensors: before.numTensors, numBytes: before.numBytes })
  })

  it('is that of the device: an uploaded tensor, its result, and nothing after both are disposed', () => {
    backend.flush()
    const before = tf.memory() as unknown as { numBytesOnDevice: number }
    const x = tf.tensor1d(new Float32Array(1000))
    const y = tf.exp(x)
    y.dataSync()
    expect(backend.deviceBytes - before.numBytesOnDevice).toBe(8000)
    tf.dispose([x, y])
    expect(backend.deviceBytes).toBe(before.numBytesOnDevice)
  })

  it('is given back when a tensor is disposed before the program that reads it has run', () => {
    backend.flush()
    const before = backend.deviceBytes
    const x = tf.tensor1d(new Float32Array(1000).fill(3))
    const y = tf.add(x, 1)
    x.dispose()
    expect(y.dataSync()[999]).toBe(4)
    expect(backend.deviceBytes - before).toBe(4000)
    y.dispose()
    expect(backend.deviceBytes).toBe(before)
  })
})
