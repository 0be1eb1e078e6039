import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin, jit, registerXla, type XlaBackend } from '../index'

describe.skipIf(!findPlugin({ device: 'cpu' }))('drawing categories', () => {
  let backend: XlaBackend
  beforeAll(async () => {
    backend = await registerXla({ device: 'cpu' })
  })

  const rows = () => tf.tensor2d([0.1, 0.2, 0.7, 0.5, 0.5, 0], [2, 3])
  const draw = (seed: number, samples = 20_000) => tf.multinomial(rows(), samples, seed, true).arraySync() as number[][]

  it('as often as their probabilities say, and never one that has none', () => {
    const shares = draw(7).map((drawn) =>
      [0, 1, 2].map((event) => drawn.filter((x) => x === event).length / drawn.length),
    )
    for (const [i, expected] of [0.1, 0.2, 0.7, 0.5, 0.5, 0].entries()) {
      const share = shares[Math.floor(i / 3)]![i % 3]!
      // Four standard deviations of a share of 20,000 draws.
      expect(Math.abs(share - expected)).toBeLessThanOrEqual(4 * Math.sqrt((expected * (1 - expected)) / 20_000))
    }
  })

  it('takes logits', () => {
    const logits = tf.log(tf.clipByValue(rows(), 1e-30, 1)) as tf.Tensor2D
    expect(tf.multinomial(logits, 50, 3).arraySync()).toEqual(draw(3, 50))
  })

  it('alike under the same seed, inside jit too, and differently under another; rows are drawn apart', () => {
    expect(draw(7, 50)).toEqual(draw(7, 50))
    expect(draw(7, 50)).not.toEqual(draw(0.7, 50))
    const compiled = jit((p: tf.Tensor) => tf.multinomial(p as tf.Tensor2D, 50, 7, true))
    expect(compiled(rows()).arraySync()).toEqual(draw(7, 50))
    const even = tf.fill([2, 2], 0.5) as tf.Tensor2D
    const [first, second] = tf.multinomial(even, 50, 1, true).arraySync() as number[][]
    expect(first).not.toEqual(second)
  })

  it('compiles once for all seeds', () => {
    draw(1, 30)
    const before = backend.compileCount
    for (let seed = 2; seed < 6; seed++) draw(seed, 30)
    expect(backend.compileCount).toBe(before)
  })
})
