import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, noise, whole } from './testing'

const sizes: [number, number][] = [
  [9, 7],
  [2, 3],
  [1, 1],
  [5, 4],
]

describe.skipIf(!findPlugin({ device: 'cpu' }))('resizing', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  for (const [name, resize] of [
    ['bilinear', tf.image.resizeBilinear],
    ['nearest', tf.image.resizeNearestNeighbor],
  ] as const) {
    it.each([
      [false, false],
      [true, false],
      [false, true],
    ])(`${name}: aligned corners %s, half pixel centres %s`, async (corners, centers) => {
      for (const size of sizes)
        await expectAsOnCpu((x) => resize(x as tf.Tensor4D, size, corners, centers), [noise([2, 5, 4, 3])], 1e-5)
    })

    it(`${name} has gradients`, async () => {
      for (const size of sizes) {
        // One square image: TensorFlow.js's cpu backend swaps height and width of the bilinear gradient's shape and
        // takes the nearest gradient of a batch's further images from the wrong places.
        for (const corners of [false, true])
          await expectAsOnCpu(
            gradients((x) => resize(x as tf.Tensor4D, size, corners)),
            [noise([1, 4, 4, 3])],
            1e-5,
          )
      }
    })
  }

  it('gives every image of a batch its own gradient', async () => {
    await tf.setBackend('xla')
    const doubled = (x: tf.Tensor) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [2, 2])
    const gradient = tf.grad((x: tf.Tensor) => tf.mul(doubled(x), x))(tf.tensor4d([2, 3], [2, 1, 1, 1]))
    // d/dx of 4 x^2 over the four copies.
    expect(Array.from(gradient.dataSync())).toEqual([16, 24])
  })

  it('has the gradient of half pixel centres, which TensorFlow.js has not', async () => {
    await tf.setBackend('xla')
    const at = (x: tf.Tensor4D) => tf.image.resizeBilinear(x, [2, 5], false, true)
    const dy = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1, 2, 5, 1])
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(at(x as tf.Tensor4D), dy)))(tf.zeros([1, 3, 2, 1]))
    // A linear map: its gradient's element i is what the i-th unit image gives.
    const expected = Array.from({ length: 6 }, (_, i) => {
      const unit = tf.reshape(tf.oneHot(tf.tensor1d([i], 'int32'), 6), [1, 3, 2, 1]) as tf.Tensor4D
      return tf.sum(tf.mul(at(tf.cast(unit, 'float32')), dy)).dataSync()[0]!
    })
    const actual = Array.from(gradient.dataSync())
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5)
  })

  it('keeps whole numbers whole when it takes the nearest', async () => {
    await expectAsOnCpu((x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [3, 5]), [whole([1, 2, 2, 1], 200)])
  })
})
