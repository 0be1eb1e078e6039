import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, noise, of } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('reading images at computed places', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  const boxes = of([0, 0, 1, 1, 0.1, 0.2, 0.7, 0.9, 0.9, 0.8, 0.2, 0.1, -0.5, -0.25, 1.5, 1.25], [4, 4])
  const indices = of([0, 1, 1, 0], [4], 'int32')

  it.each(['bilinear', 'nearest'] as const)(
    'crops boxes, mirrored and reaching out of the image, %s',
    async (method) => {
      for (const size of [
        [3, 5],
        [1, 1],
        [7, 1],
      ] as [number, number][]) {
        await expectAsOnCpu(
          (image, box, index) =>
            tf.image.cropAndResize(image as tf.Tensor4D, box as tf.Tensor2D, index as tf.Tensor1D, size, method, -3),
          [noise([2, 4, 6, 2]), boxes, indices],
          1e-5,
        )
      }
    },
  )

  const matrices = [
    ['moves', [1, 0, 1.5, 0, 1, -0.5, 0, 0]],
    ['turns and scales', [0.8, -0.6, 2, 0.6, 0.8, -1, 0, 0]],
    ['projects', [1.2, 0.1, -1, 0.2, 0.9, 0.5, 0.05, -0.02]],
    ['goes far out of the image', [3, 0, -9, 0, 3, -9, 0, 0]],
    ['meets infinity', [1, 0, 0, 0, 1, 0, -0.5, 0]],
  ] as const

  it.each(matrices)('transforms: %s', async (_, matrix) => {
    for (const fill of ['constant', 'reflect', 'wrap', 'nearest'] as const) {
      for (const interpolation of ['nearest', 'bilinear'] as const)
        await expectAsOnCpu(
          (image, transforms) =>
            tf.image.transform(image as tf.Tensor4D, transforms as tf.Tensor2D, interpolation, fill, 7, [5, 7]),
          [noise([1, 4, 6, 2]), of(matrix, [1, 8])],
          1e-5,
        )
    }
  })

  it('transforms every image of a batch, where TensorFlow.js stops after the first', async () => {
    await tf.setBackend('xla')
    const image = tf.reshape(tf.range(0, 8), [2, 2, 2, 1]) as tf.Tensor4D
    const left = [1, 0, 1, 0, 1, 0, 0, 0]
    const same = [1, 0, 0, 0, 1, 0, 0, 0]
    const moved = tf.image.transform(image, tf.tensor2d([left, same]), 'nearest', 'constant', -1)
    expect(Array.from(moved.dataSync())).toEqual([1, -1, 3, -1, 4, 5, 6, 7])
  })

  it('turns by any angle about any point', async () => {
    for (const [radians, center] of [
      [Math.PI / 2, 0.5],
      [-Math.PI / 4, [0.25, 0.75]],
      [Math.PI, 0.5],
      [1, 0],
    ] as [number, number | [number, number]][]) {
      for (const fill of [3, [1, 2, 3]] as (number | [number, number, number])[])
        await expectAsOnCpu(
          (image) => tf.image.rotateWithOffset(image as tf.Tensor4D, radians, fill, center),
          [noise([2, 4, 5, 4])],
        )
    }
  })

  it('mirrors', async () => {
    await expectAsOnCpu((image) => tf.image.flipLeftRight(image as tf.Tensor4D), [noise([2, 3, 4, 2])])
  })
})
