import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { clipFactor, globalNorm } from './clip'

describe.each(enginesUnderTest())('clipping on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('takes the norm over all gradients together', () => {
    const norm = globalNorm([
      tf.tensor2d([
        [3, 0],
        [0, 0],
      ]),
      tf.tensor1d([0, 4]),
      tf.scalar(12),
    ])
    expectClose(norm, [13], { relative: 1e-7 })
    expect(globalNorm([]).dataSync()[0]).toBe(0)
    expect(globalNorm([tf.tensor1d([1, Number.NaN]), tf.scalar(1)]).dataSync()[0]).toBeNaN()
  })

  it("equals torch.nn.utils.clip_grad_norm_'s factor, and leaves small gradients alone", () => {
    // torch 2.13: norm 2.5020790100097656 clipped to 0.5.
    expectClose(clipFactor(tf.scalar(2.5020790100097656), 0.5), [0.5 / (2.5020790100097656 + 1e-6)], { relative: 2e-7 })
    expect(clipFactor(tf.scalar(0.4), 0.5).dataSync()[0]).toBe(1)
    expect(clipFactor(tf.scalar(0), 0.5).dataSync()[0]).toBe(1)
  })
})
