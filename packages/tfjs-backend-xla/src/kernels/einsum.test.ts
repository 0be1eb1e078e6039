import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla } from '../index'
import { expectAsOnCpu, noise, of } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('einsum', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it.each([
    ['ij,jk->ik', [2, 3], [3, 4]],
    ['ij,jk->ki', [2, 3], [3, 4]],
    ['bij,bkj->bki', [2, 3, 4], [2, 5, 4]],
    ['bthd,bshd->bhts', [2, 3, 2, 4], [2, 5, 2, 4]],
    ['i,j->ji', [3], [4]],
    ['ij,ij->ij', [2, 3], [2, 3]],
    ['ij,ij->', [2, 3], [2, 3]],
  ] as const)('%s', async (equation, a, b) => {
    const inputs = [noise(a), noise(b, 2)]
    await expectAsOnCpu((x, y) => tf.einsum(equation, x!, y!), inputs, 1e-5)
  })

  it.each(['ij->ji', 'ij->', 'ij->j', 'ij->ij'])('%s of one operand', async (equation) => {
    await expectAsOnCpu((x) => tf.einsum(equation, x!), [noise([3, 4])], 1e-5)
  })

  it('sums what only one operand has, where TensorFlow.js throws', async () => {
    await tf.setBackend('xla')
    const a = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])
    const b = tf.tensor2d([1, 0, 2, 1, 3, 1], [2, 3])
    // [[6, 8], [10, 12]] times b
    expect(tf.einsum('aij,jk->ik', a, b).arraySync()).toEqual([
      [14, 24, 20],
      [22, 36, 32],
    ])
  })

  it('takes products of sums without spreading them over all labels', () => {
    const text = jit((a: tf.Tensor, b: tf.Tensor) => tf.einsum('bij,bkj->bki', a, b)).lower(
      tf.ones([2, 3, 4]),
      tf.ones([2, 5, 4]),
    )
    expect(text).toContain('dot_general')
    expect(text).not.toContain('tensor<2x5x3x4xf32>')
  })

  it('multiplies whole numbers exactly', async () => {
    await expectAsOnCpu(
      (x, y) => tf.einsum('i,i->', x!, y!),
      [of([3, 4097], [2], 'int32'), of([5, 4099], [2], 'int32')],
    )
  })

  it('names the dimension that does not fit', () => {
    expect(() => tf.einsum('ij,jk->ik', tf.ones([2, 2]), tf.ones([3, 2]))).toThrow(
      /dimension 2 at axis 0 of input shaped \[3,2\]/,
    )
  })
})
