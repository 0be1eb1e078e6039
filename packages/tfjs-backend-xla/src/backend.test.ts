import './gradients'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-cpu'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla, type XlaBackend } from './index'

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync() as ArrayLike<unknown>)

describe.skipIf(!findPlugin({ device: 'cpu' }))('the xla backend', () => {
  let backend: XlaBackend
  beforeEach(async () => {
    backend = await registerXla({ device: 'cpu' })
    tf.engine().startScope()
  })
  afterEach(async () => {
    tf.engine().endScope()
    await tf.setBackend('xla')
  })

  it('computes eagerly when a tensor is read', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2])
    expect(values(tf.add(tf.matMul(x, x), 1))).toEqual([8, 11, 16, 23])
  })

  it('trains a linear model with TF.js gradients in one program', () => {
    const w = tf.variable(tf.zeros([3, 1]))
    const truth = tf.tensor2d([1, -2, 3], [3, 1])
    const x = tf.randomNormal([64, 3], 0, 1, 'float32', 7) as tf.Tensor2D
    const y = tf.matMul(x, truth)
    const step = jit((x: tf.Tensor2D, y: tf.Tensor2D, rate: tf.Scalar) => {
      const { value, grads } = tf.variableGrads(
        () => tf.losses.meanSquaredError(y, tf.matMul(x, w as never)) as tf.Scalar,
        [w],
      )
      w.assign(tf.sub(w, tf.mul(grads[w.name]!, rate)))
      return { loss: value }
    })
    const rate = tf.scalar(0.1)
    let loss = Number.POSITIVE_INFINITY
    for (let i = 0; i < 200; i++) loss = step(x, y as tf.Tensor2D, rate).loss.dataSync()[0]!
    expect(loss).toBeLessThan(1e-8)
    expect(step.traceCount).toBe(1)
    expect(w.dataSync()[1]).toBeCloseTo(-2, 3)
    w.dispose()
  })

  it('takes tensors of other backends and gives its own to them, of every type', async () => {
    await tf.setBackend('cpu')
    const [numbers, words] = [tf.tensor1d([1, 2], 'int32'), tf.tensor1d(['a', 'b'])]
    const shared = numbers.clone()
    await tf.setBackend('xla')
    const sum = tf.add(numbers, tf.scalar(1, 'int32'))
    const both = tf.concat([words, tf.tensor1d(['c'])])
    const z = tf.complex(tf.tensor1d([1]), tf.tensor1d([2]))
    expect([values(shared), values(both)]).toEqual([
      [1, 2],
      ['a', 'b', 'c'],
    ])
    const entries = backend.numDataIds()
    await tf.setBackend('cpu')
    expect(values(tf.mul(sum, tf.scalar(2, 'int32')))).toEqual([4, 6])
    expect(values(tf.concat([both, both])).length).toBe(6)
    expect(backend.numDataIds()).toBe(entries - 2)
    await tf.setBackend('xla')
    expect(values(z)).toEqual([1, 2])
    expect(values(tf.add(sum, shared))).toEqual([3, 5])
  })

  it('disposes of tensors that are still only recorded, when another backend is current', async () => {
    const before = [backend.numDataIds(), tf.memory().numTensors]
    const x = tf.exp(tf.tensor1d([1, 2, 3]))
    await tf.setBackend('cpu')
    x.dispose()
    await tf.setBackend('xla')
    // The argument of exp lives on until the scope ends.
    expect([backend.numDataIds(), tf.memory().numTensors]).toEqual([before[0]! + 1, before[1]! + 1])
    expect(() => x.dataSync()).toThrow(/disposed/)
  })

  it('refuses values that do not fill the shape', () => {
    expect(() => backend.write(new Float32Array(3), [2, 2], 'float32')).toThrow('3 values do not fill')
    expect(() => backend.write(null, [1], 'float32')).toThrow('needs the values')
  })

  it('holds empty tensors', async () => {
    const empty = tf.zeros([0, 3])
    expect(values(tf.add(empty, 1))).toEqual([])
    expect(values(tf.sum(empty, 0))).toEqual([0, 0, 0])
    expect((await tf.concat([empty, tf.ones([1, 3])]).data()).length).toBe(3)
  })

  it('times what it runs, not only what it records', async () => {
    const x = tf.randomUniform([300, 300]) as tf.Tensor2D
    let y: tf.Tensor | undefined
    const { kernelMs, wallMs } = (await tf.time(() => {
      y = tf.matMul(x, tf.matMul(x, x))
    })) as { kernelMs: number; wallMs: number }
    expect(kernelMs).toBeGreaterThan(0)
    expect(wallMs).toBeGreaterThanOrEqual(kernelMs)
    // It has been computed: reading it compiles nothing.
    const compiled = backend.compileCount
    y!.dataSync()
    expect(backend.compileCount).toBe(compiled)
  })

  it('profiles kernels', async () => {
    const x = tf.ones([10])
    const profile = await tf.profile(() => tf.relu(tf.add(x, 1)))
    expect(profile.kernelNames).toEqual(expect.arrayContaining(['Add', 'Relu']))
    const relu = profile.kernels.find(({ name }) => name === 'Relu')!
    expect(relu).toMatchObject({ bytesAdded: 40, tensorsAdded: 1, outputShapes: [[10]] })
    expect(await relu.kernelTimeMs).toBeGreaterThan(0)
  })

  it('is opened anew after it was removed, or the engine reset', async () => {
    const { client } = backend
    const x = tf.ones([2])
    tf.dispose(x)
    tf.removeBackend('xla')
    expect(client.isDisposed).toBe(true)
    const next = await registerXla({ device: 'cpu' })
    expect(next).not.toBe(backend)
    expect(values(tf.add(tf.ones([2]), 1))).toEqual([2, 2])
    tf.engine().reset()
    await tf.setBackend('xla')
    expect(values(tf.add(tf.ones([2]), 1))).toEqual([2, 2])
    tf.engine().startScope()
  })
})
