import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, noise, of } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('NaN and elementwise precision', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it('maxima and minima over axes are NaN where one of the values is, wherever it stands', async () => {
    for (const at of [0, 5, 17, 39]) {
      const { values, shape } = noise([4, 10])
      const input = of(values.with(at, Number.NaN), shape)
      for (const axis of [0, 1, undefined]) {
        await expectAsOnCpu((x) => [tf.max(x!, axis), tf.min(x!, axis, true)], [input])
      }
    }
  })

  it('the larger and the smaller of two are NaN where either is', async () => {
    const a = of([Number.NaN, 1, 2, Number.NaN])
    const b = of([1, Number.NaN, 3, Number.NaN])
    await expectAsOnCpu((x, y) => [tf.maximum(x!, y!), tf.minimum(x!, y!)], [a, b])
    await expectAsOnCpu((x) => [tf.relu(x!), tf.relu6(x!), tf.clipByValue(x!, -1, 1)], [a])
  })

  it('tangents are right to the last digit near their poles', async () => {
    await expectAsOnCpu((x) => tf.tan(x!), [of([-470910688, 1.5707963, 1.5707964, 3, -1e-8])], 1e-7)
  })

  it('the product of a matrix and a vector is refused', () => {
    expect(() => tf.matMul(tf.ones([2, 2]), tf.tensor1d([1, 2]) as tf.Tensor)).toThrow(/matrices; use tf.dot/)
  })
})
