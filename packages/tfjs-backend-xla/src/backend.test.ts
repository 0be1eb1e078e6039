import './gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla } from './index'

describe.skipIf(!findPlugin({ device: 'cpu' }))('the xla backend', () => {
  beforeAll(async () => {
    await registerXla({ device: 'cpu' })
  })

  it('computes eagerly when a tensor is read', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2])
    expect(Array.from(tf.add(tf.matMul(x, x), 1).dataSync())).toEqual([8, 11, 16, 23])
  })

  it('trains a linear model with TF.js gradients in one program', () => {
    const w = tf.variable(tf.zeros([3, 1]))
    const truth = tf.tensor2d([1, -2, 3], [3, 1])
    const x = tf.randomNormal([64, 3], 0, 1, 'float32', 7) as tf.Tensor2D
    const y = tf.matMul(x, truth)
    const step = jit((x: tf.Tensor2D, y: tf.Tensor2D, rate: tf.Scalar) => {
      const { value, grads } = tf.variableGrads(
        () => tf.losses.meanSquaredError(y, tf.matMul(x, w as never)) as tf.Scalar,
        [w],
      )
      w.assign(tf.sub(w, tf.mul(grads[w.name]!, rate)))
      return { loss: value }
    })
    const rate = tf.scalar(0.1)
    let loss = Number.POSITIVE_INFINITY
    for (let i = 0; i < 200; i++) {
      const result = step(x, y as tf.Tensor2D, rate)
      loss = result.loss.dataSync()[0]!
      result.loss.dispose()
    }
    expect(loss).toBeLessThan(1e-8)
    expect(step.traceCount).toBe(1)
    expect(w.dataSync()[1]).toBeCloseTo(-2, 3)
  })
})
