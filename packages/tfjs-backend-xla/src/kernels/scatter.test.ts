import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla } from '../index'
import { expectAsOnCpu, noise, of } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('gathering and scattering', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it('makes dense tensors of sparse ones', async () => {
    const dense = (shape: number[]) => (indices: tf.Tensor, values: tf.Tensor, otherwise: tf.Tensor) =>
      tf.sparseToDense(indices as tf.Tensor2D, values as tf.Tensor1D, shape, otherwise as tf.Scalar)
    await expectAsOnCpu((i, v, d) => dense([5])(i!, v!, d!), [of([1, 3], [2], 'int32'), of([7, 8]), of([-1], [])])
    await expectAsOnCpu(
      (i, v, d) => dense([2, 3])(i!, v!, d!),
      [of([0, 1, 1, 2], [2, 2], 'int32'), of([7], [], 'int32'), of([-1], [], 'int32')],
    )
    await expectAsOnCpu(
      (i, v, d) => dense([3])(i!, v!, d!),
      [of([2], [], 'int32'), of([1], [], 'bool'), of([0], [], 'bool')],
    )
  })

  it('refuses indices out of range that the host knows, as TensorFlow.js does', () => {
    const index = (values: number[]) => tf.tensor1d(values, 'int32')
    const matrix = tf.ones([2, 3])
    expect(() => tf.gather(matrix, index([0, 3]), 1)).toThrow('GatherV2: the index value 3 is not in [0, 2]')
    expect(() => tf.gather(matrix, index([-1]))).toThrow('not in [0, 1]')
    expect(() => tf.gatherND(matrix, tf.tensor2d([[2, 0]], [1, 2], 'int32'))).toThrow(
      'Invalid indices: 2,0 does not index',
    )
    expect(() => tf.scatterND(tf.tensor2d([[4]], [1, 1], 'int32'), tf.tensor1d([1]), [4])).toThrow('Invalid indices: 4')
    expect(() => tf.sparseToDense(index([5]), tf.scalar(1), [5], tf.scalar(0))).toThrow('Invalid indices: 5')
  })

  it('clamps indices out of range inside jit, where values are not known', () => {
    const pick = jit((x: tf.Tensor, at: tf.Tensor) => tf.gather(x, at as tf.Tensor1D))
    expect(Array.from(pick(tf.tensor1d([1, 2, 3]), tf.tensor1d([-5, 1, 9], 'int32')).dataSync())).toEqual([1, 2, 3])
  })

  it('puts vectors on diagonals', async () => {
    await expectAsOnCpu((x) => tf.diag(x!), [noise([4])])
    await expectAsOnCpu((x) => tf.diag(x!), [noise([2, 3])])
    await expectAsOnCpu((x) => tf.diag(x!), [of([1, 0, 1], [3], 'bool')])
  })

  it('works out the shape that two shapes broadcast to', async () => {
    await expectAsOnCpu((a, b) => tf.broadcastArgs(a!, b!), [of([4, 1, 3], [3], 'int32'), of([5, 1], [2], 'int32')])
    expect(() => tf.broadcastArgs(tf.tensor1d([2], 'int32'), tf.tensor1d([3], 'int32'))).toThrow(/broadcast/)
  })
})
