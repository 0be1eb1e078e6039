import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, registerXla } from '../index'
import { expectAsOnCpu, gradients, noise } from './testing'

describe.skipIf(!findPlugin({ device: 'cpu' }))('moving blocks between batch, space and channels', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  const spaceToBatch = (x: tf.Tensor) =>
    tf.spaceToBatchND(
      x,
      [2, 3],
      [
        [1, 0],
        [0, 2],
      ],
    )
  const batchToSpace = (x: tf.Tensor) =>
    tf.batchToSpaceND(
      x,
      [2, 3],
      [
        [1, 0],
        [0, 2],
      ],
    )

  it('space to batch, with its gradient', async () => {
    await expectAsOnCpu((x) => spaceToBatch(x!), [noise([2, 3, 4, 2])])
    await expectAsOnCpu(gradients(spaceToBatch), [noise([2, 3, 4, 2])])
  })

  it('batch to space, with its gradient', async () => {
    await expectAsOnCpu((x) => batchToSpace(x!), [noise([12, 2, 2, 3])])
    await expectAsOnCpu(gradients(batchToSpace), [noise([12, 2, 2, 3])])
  })

  it('channels to space, in both layouts', async () => {
    await expectAsOnCpu((x) => tf.depthToSpace(x as tf.Tensor4D, 2, 'NHWC'), [noise([2, 2, 3, 8])])
    await tf.setBackend('xla')
    const x = tf.tensor4d([1, 2, 3, 4], [1, 4, 1, 1])
    const y = tf.depthToSpace(x, 2, 'NCHW')
    expect(y.shape).toEqual([1, 1, 2, 2])
    expect(Array.from(y.dataSync())).toEqual([1, 2, 3, 4])
  })
})
