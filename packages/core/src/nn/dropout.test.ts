import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../random/index'
import { dropout } from './dropout'
import { inference } from './module'

describe.each(enginesUnderTest())('dropout on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('is the identity outside training and at p = 0', () => {
    const x = tf.ones([4])
    expect(dropout(x, 0.5, inference)).toBe(x)
    expect(dropout(x, 0, { training: true })).toBe(x)
  })

  it('zeroes a share p, scales the rest by 1 / (1 - p), and lets gradients through where values went', () => {
    const count = 20_000
    const drop = (x: tf.Tensor) => dropout(x, 0.25, { training: true, rng: Rng.fromSeed(1) })
    const y = drop(tf.ones([count])).dataSync()
    const kept = y.filter((value) => value !== 0)
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.75)]))
    expect(Math.abs(kept.length / count - 0.75)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / count))
    expect(
      tf
        .grad((x) => tf.sum(drop(x)))(tf.ones([count]))
        .dataSync(),
    ).toEqual(y)
  })

  it('draws anew at each call, and needs a generator', () => {
    const context = { training: true, rng: Rng.fromSeed(1) }
    const [first, second] = [0, 1].map(() => dropout(tf.ones([64]), 0.5, context).dataSync())
    expect(first).not.toEqual(second)
    expect(() => dropout(tf.ones([2]), 0.5, { training: true })).toThrow('rng')
  })
})
