import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, HostKernelError, jit, registerXla, type XlaBackend } from '../../index'

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync() as ArrayLike<unknown>)

/** The error that a call throws. */
const thrown = (call: () => unknown): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

describe.skipIf(!findPlugin({ device: 'cpu' }))('kernels that run on the host', () => {
  let backend: XlaBackend
  beforeAll(async () => {
    backend = await registerXla({ device: 'cpu' })
  })

  it('take recorded values and give values to record with', () => {
    const doubled = tf.mul(tf.tensor1d([3, 1, 3, 2], 'int32'), tf.scalar(2, 'int32'))
    const { values: unique, indices } = tf.unique(doubled)
    expect(values(tf.add(unique, tf.scalar(1, 'int32')))).toEqual([7, 3, 5])
    expect(values(indices)).toEqual([0, 1, 0, 2])
    const boxes = tf.tensor2d([0, 0, 1, 1, 0, 0, 1, 0.9, 0, 2, 1, 3], [3, 4])
    expect(values(tf.image.nonMaxSuppression(boxes, tf.tensor1d([0.5, 0.9, 0.7]), 3, 0.5))).toEqual([1, 2])
  })

  it('leave no data behind, on any backend, and the current backend as it was', () => {
    const x = tf.tensor1d([1, 1, 2])
    const run = () => tf.tidy(() => void values(tf.unique(x).values))
    run()
    const cpu = tf.findBackend('cpu')
    const before = { ...tf.memory(), entries: backend.numDataIds(), cpu: cpu.numDataIds() }
    for (let i = 0; i < 10; i++) run()
    expect({ ...tf.memory(), entries: backend.numDataIds(), cpu: cpu.numDataIds() }).toEqual(before)
    expect(tf.getBackend()).toBe('xla')
  })

  it('leave no data behind when they fail', () => {
    const before = [tf.memory().numTensors, backend.numDataIds()]
    expect(() => tf.tidy(() => tf.unique(tf.tensor1d([1]), 3))).toThrow()
    expect([tf.memory().numTensors, backend.numDataIds()]).toEqual(before)
  })

  it('throw inside jit, naming the kernel, the function, the line and the way out', () => {
    const fn = jit(function dedupe(x: tf.Tensor1D) {
      return tf.unique(x).values
    })
    const error = thrown(() => fn(tf.tensor1d([1, 2])))
    expect(error).toBeInstanceOf(HostKernelError)
    const { message, kernelName } = error as HostKernelError
    expect(kernelName).toBe('Unique')
    expect(message).toMatch(/^Unique cannot be part of jit\(dedupe\), at \S*host\.test\.ts:\d+:\d+, because the shape/)
    expect(message).toMatch(/Call it outside and pass its result in/)
    expect(values(fn.name ? tf.add(1, 1) : tf.scalar(0))).toEqual([2])
  })

  it('hold strings, on the host', () => {
    const before = tf.memory()
    const words = tf.tensor2d(['a', 'bc', 'd', 'é'], [2, 2])
    expect(values(words)).toEqual(['a', 'bc', 'd', 'é'])
    expect(values(tf.concat([words, words], 0)).length).toBe(8)
    expect(values(tf.reshape(words.clone(), [4]))).toEqual(['a', 'bc', 'd', 'é'])
    expect(values(tf.string.stringToHashBucketFast(words, 10)).length).toBe(4)
    expect(tf.memory().unreliable).toBe(true)
    tf.disposeVariables()
    expect(before.unreliable).toBe(false)
    expect(() => jit(() => tf.string.stringToHashBucketFast(tf.tensor1d(['x']), 10))()).toThrow(
      /StringToHashBucketFast cannot be part of jit\(anonymous\).*strings are kept on the host/,
    )
  })

  it('hold complex numbers as two tensors, which the result of tf.real and tf.imag outlives', () => {
    const [entries, tensors] = [backend.numDataIds(), tf.memory().numTensors]
    const real = tf.tensor1d([1, 2])
    const imag = tf.mul(real, 10)
    const z = tf.complex(real, imag)
    tf.dispose([real, imag])
    expect([backend.numDataIds() - entries, tf.memory().numTensors - tensors]).toEqual([3, 1])
    expect(values(z)).toEqual([1, 10, 2, 20])
    const product = tf.mul(z, z)
    const part = tf.imag(product)
    tf.dispose([z, product])
    expect(values(part)).toEqual([20, 80])
    part.dispose()
    expect([backend.numDataIds(), tf.memory().numTensors]).toEqual([entries, tensors])
  })

  it('read complex numbers without blocking', async () => {
    const z = tf.complex(tf.tensor1d([1, 2]), tf.tensor1d([3, 4]))
    expect(Array.from(await z.data())).toEqual([1, 3, 2, 4])
  })

  it('transform a signal and back', () => {
    const signal = tf.tensor1d([1, 0, -2, 4, 0.5, 3, 2, 1])
    const spectrum = tf.spectral.rfft(signal)
    expect([spectrum.shape, spectrum.dtype]).toEqual([[5], 'complex64'])
    values(tf.spectral.irfft(spectrum)).forEach((value, i) => {
      expect(value).toBeCloseTo(signal.arraySync()[i]!, 5)
    })
  })

  it('take complex numbers apart inside jit', () => {
    const swap = jit((x: tf.Tensor1D, y: tf.Tensor1D) => {
      const z = tf.complex(x, y)
      return [tf.imag(z), tf.real(z)]
    })
    expect(swap(tf.tensor1d([1]), tf.tensor1d([2])).map(values)).toEqual([[2], [1]])
  })
})
