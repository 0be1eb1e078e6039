import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, noise, of } from './testing'

const pads = ['same', 'valid', 0, 1] as const

describe.skipIf(!findPlugin({ device: 'cpu' }))('pooling', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it.each(pads)('takes maxima and means as TensorFlow.js does, padding %s', async (pad) => {
    for (const [size, stride] of [
      [3, 2],
      [
        [2, 3],
        [1, 2],
      ],
      [2, [2, 1]],
    ] as [number | [number, number], number | [number, number]][]) {
      await expectAsOnCpu((x) => tf.maxPool(x as tf.Tensor4D, size, stride, pad), [noise([2, 6, 7, 3])])
      await expectAsOnCpu((x) => tf.avgPool(x as tf.Tensor4D, size, stride, pad), [noise([2, 6, 7, 3])])
    }
  })

  it('pads each side by what is asked for and rounds the size as asked', async () => {
    const explicit: [[number, number], [number, number], [number, number], [number, number]] = [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ]
    await expectAsOnCpu((x) => tf.avgPool(x as tf.Tensor4D, 3, 2, explicit), [noise([1, 5, 6, 2])])
    for (const rounding of ['floor', 'ceil'] as const)
      await expectAsOnCpu((x) => tf.maxPool(x as tf.Tensor4D, 3, 2, 1, rounding), [noise([1, 6, 6, 2])])
  })

  it.each(['same', 'valid'] as const)('has gradients, padding %s', async (pad) => {
    for (const fn of [tf.maxPool, tf.avgPool])
      await expectAsOnCpu(
        gradients((x) => fn(x as tf.Tensor4D, [3, 2], 2, pad)),
        [noise([2, 6, 7, 3])],
      )
  })

  it('gives the gradient to the first of equal values in two dimensions', async () => {
    await expectAsOnCpu(
      gradients((x) => tf.maxPool(x as tf.Tensor4D, 2, 1, 'valid')),
      [of([1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 3, 3, 1])],
    )
  })

  it('passes over NaN in maxima and keeps it in means', async () => {
    const input = of([1, 2, 3, Number.NaN, 5, 6, 7, 8, Number.NaN], [1, 3, 3, 1])
    await expectAsOnCpu((x) => tf.maxPool(x as tf.Tensor4D, 2, 1, 'valid'), [input])
    await expectAsOnCpu((x) => tf.avgPool(x as tf.Tensor4D, 2, 1, 'valid'), [input])
  })

  it.each(['same', 'valid', 1] as const)('works in three dimensions, padding %s', async (pad) => {
    for (const fn of [tf.maxPool3d, tf.avgPool3d]) {
      await expectAsOnCpu((x) => fn(x as tf.Tensor5D, 2, [1, 2, 1], pad), [noise([2, 4, 5, 3, 2])])
      await expectAsOnCpu(
        gradients((x) => fn(x as tf.Tensor5D, 2, 2, pad)),
        [noise([2, 4, 5, 3, 2])],
      )
    }
  })

  it('says where the maxima are, the first of equals', async () => {
    const input = of([1, 3, 3, 1, 3, 0, 2, 3, 2, 2, 2, 2, 0, 5, 5, 1, 9, 9], [2, 3, 3, 1])
    for (const batch of [true, false]) {
      await expectAsOnCpu(
        (x) => {
          const { result, indexes } = tf.maxPoolWithArgmax(x as tf.Tensor4D, 2, 1, 'same', batch)
          return [result!, indexes!]
        },
        [input],
      )
    }
  })

  it('takes whole numbers', async () => {
    await tf.setBackend('xla')
    const x = tf.tensor4d([-5, -4, -3, -2], [1, 2, 2, 1], 'int32')
    const y = tf.maxPool(x, 2, 1, 'same')
    expect(y.dtype).toBe('int32')
    expect(Array.from(y.dataSync())).toEqual([-2, -2, -2, -2])
  })
})
