import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, noise, of, whole } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('sorting', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it.each([1, 3, 7])('finds the %s largest of each row, the first of equals first', async (k) => {
    const largest = (x: tf.Tensor) => {
      const { values, indices } = tf.topk(x, k)
      return [values, indices]
    }
    await expectAsOnCpu((x) => largest(x!), [noise([2, 3, 7])])
    await expectAsOnCpu((x) => largest(x!), [whole([4, 7], 4)])
  })

  it('finds the largest of truth values, and none of them', async () => {
    await tf.setBackend('xla')
    const x = tf.tensor1d([false, true, false, true], 'bool')
    const { values, indices } = tf.topk(x, 3)
    expect([values.dtype, ...values.dataSync()]).toEqual(['bool', 1, 1, 0])
    expect(Array.from(indices.dataSync())).toEqual([1, 3, 0])
    expect(tf.topk(tf.ones([2, 3]), 0).values.shape).toEqual([2, 0])
  })

  it('finds where values belong in sorted rows', async () => {
    const ascending = (row: number, n: number) => Array.from({ length: n }, (_, i) => Math.floor((i * (row + 2)) / 3))
    for (const n of [1, 2, 5, 8, 33]) {
      const sorted = of([...ascending(0, n), ...ascending(1, n)], [2, n])
      const values = of([-1, 0, 1, 4, 5.5, 100, 3, 2, 1.5, -7, 0, 21], [2, 6])
      for (const side of ['left', 'right'] as const)
        await expectAsOnCpu((s, v) => tf.searchSorted(s!, v!, side), [sorted, values])
    }
  })
})
