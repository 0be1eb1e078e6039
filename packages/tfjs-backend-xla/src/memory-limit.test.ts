import './gradients'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { findPlugin, jit, registerXla, XlaError } from './index'
import { assertFitsHost, hostMemoryLimit } from './memory-limit'

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync())

const errorOf = (run: () => unknown): XlaError => {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(XlaError)
    return error as XlaError
  }
  throw new Error('nothing was thrown')
}

/** Positions of a sequence whose attention weights take 18 TB. */
const LENGTH = 2 ** 21
const positions = () => tf.zeros([LENGTH, 2]) as tf.Tensor2D
const scores = (x: tf.Tensor2D) => tf.matMul(x, x, false, true)
const attention = (x: tf.Tensor2D) => tf.sum(tf.matMul(tf.softmax(scores(x)) as tf.Tensor2D, x))
const gradient = (x: tf.Tensor2D) => tf.sum(tf.grad((y: tf.Tensor) => attention(y as tf.Tensor2D))(x))

const newWeight = () => {
  const weight = tf.variable(tf.fill([4], 8))
  // Computed before anything can fail beside it.
  expect(values(weight)).toEqual([8, 8, 8, 8])
  return weight
}

describe.skipIf(!findPlugin({ device: 'cpu' }))('a program that needs more memory than there is', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    tf.disposeVariables()
  })

  /** Whether everything still computes: a training step, eagerly and jitted, from known values. */
  const expectToWork = (weight: tf.Variable) => {
    const before = values(weight)[0]!
    const step = jit((x: tf.Tensor) => {
      const { grads } = tf.variableGrads(() => tf.sum(tf.mul(tf.square(weight), x)) as tf.Scalar, [weight])
      weight.assign(tf.sub(weight, tf.mul(grads[weight.name]!, 0.25)))
      return tf.sum(weight)
    })
    expect(values(step(tf.scalar(1)))).toEqual([(before / 2) * 4])
    expect(values(tf.add(weight, 1))).toEqual(new Array(4).fill(before / 2 + 1))
  }

  it('is refused before it runs, with what it needs and what to do; variables keep their values', () => {
    const weight = newWeight()
    const step = jit(
      (x: tf.Tensor2D) => {
        weight.assign(tf.add(tf.mul(weight, 3), gradient(x)))
        return tf.sum(weight)
      },
      { name: 'step' },
    )
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = errorOf(() => step(positions()))
      expect(error.code).toBe('RESOURCE_EXHAUSTED')
      expect(error.message).toMatch(/^'step' needs \d+(\.\d+)? TB of memory \(.* in between\), and there are/)
      expect(error.message).toMatch(/smaller batch.*checkpoint.*bf16/)
      expect(values(weight)).toEqual([8, 8, 8, 8])
    }
    expectToWork(weight)
  })

  it('is refused eagerly too', () => {
    const weight = newWeight()
    const error = errorOf(() => gradient(positions()).dataSync())
    expect(error.code).toBe('RESOURCE_EXHAUSTED')
    expectToWork(weight)
  })

  it('that fails while it runs is a typed error where its result is read, and leaves the rest alone', () => {
    vi.stubEnv('BABBLE_MEMORY_LIMIT', 'off')
    const weight = newWeight()
    const error = errorOf(() => {
      const result = jit(scores)(positions())
      tf.slice(result, [0, 0], [1, 1]).dataSync()
    })
    expect(error.code).toBe('RESOURCE_EXHAUSTED')
    expect(error.message).toMatch(/18 TB.*smaller batch/)
    expect(errorOf(() => jit(scores)(positions()).dataSync()).code).toBe('RESOURCE_EXHAUSTED')
    expectToWork(weight)
  })

  it('explains the failure of a matrix product while it runs', () => {
    vi.stubEnv('BABBLE_MEMORY_LIMIT', 'off')
    const error = errorOf(() => jit(attention)(positions()).dataSync())
    expect(error.message).toMatch(/could not be allocated.*smaller batch/s)
    expectToWork(newWeight())
  })
})

describe('assertFitsHost', () => {
  const stats = { generatedCode: 0, arguments: 100, outputs: 60, aliased: 50, temporaries: 200, peak: 0 }
  const program = (deviceCount: number) => ({ name: 'p', deviceCount, memoryStats: () => stats })

  it('counts inputs, results in new memory and temporaries, of all devices', () => {
    expect(() => assertFitsHost(program(1), 310)).not.toThrow()
    expect(() => assertFitsHost(program(1), 309)).toThrow(/^'p' needs 310 bytes of memory/)
    expect(() => assertFitsHost(program(2), 619)).toThrow(/on each of 2 devices/)
    expect(() => assertFitsHost(program(2), 620)).not.toThrow()
  })

  it('says nothing where the plugin does not tell', () => {
    const silent = {
      ...program(1),
      memoryStats: () => {
        throw new XlaError('unimplemented', 'UNIMPLEMENTED')
      },
    }
    expect(() => assertFitsHost(silent, 1)).not.toThrow()
  })
})

describe('hostMemoryLimit', () => {
  it('is at least the memory in use, or what the environment says', () => {
    expect(hostMemoryLimit({})).toBeGreaterThan(process.memoryUsage.rss())
    expect(hostMemoryLimit({ BABBLE_MEMORY_LIMIT: '1000' })).toBe(1000)
    expect(hostMemoryLimit({ BABBLE_MEMORY_LIMIT: 'off' })).toBe(Number.POSITIVE_INFINITY)
    expect(() => hostMemoryLimit({ BABBLE_MEMORY_LIMIT: 'much' })).toThrow(/BABBLE_MEMORY_LIMIT/)
  })
})
