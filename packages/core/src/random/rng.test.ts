import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { HostRng } from './host-rng'
import { Rng } from './rng'
import { foldKey, keyedUniform, keyOf } from './threefry'

const moments = (values: ArrayLike<number>) => {
  const all = Array.from(values)
  const mean = all.reduce((a, b) => a + b, 0) / all.length
  return { mean, variance: all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length }
}

describe.each(enginesUnderTest())('Rng on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('draws the same numbers on every engine, bit for bit', () => {
    const [k0, k1] = keyOf(42)
    const [stream] = foldKey([0, 0], 0)
    expect(Array.from(Rng.fromSeed(42).uniform([3, 7]).dataSync())).toEqual(
      Array.from(keyedUniform(k0, k1, stream, 21)),
    )
  })

  it('gives another tensor at each call, and the same ones again from the same key', () => {
    const draw = () => {
      const rng = Rng.fromSeed(1)
      return [rng.uniform([8]), rng.uniform([8]), rng.fold('dropout').uniform([8])].map((t) => t.dataSync().join())
    }
    expect(new Set(draw()).size).toBe(3)
    expect(draw()).toEqual(draw())
  })

  it('draws, under the key of a part, the rows that the whole batch would draw there, and its scalars', () => {
    const whole = Rng.fromSeed(7)
    const expected = [whole.uniform([6, 5]), whole.uniform([]), whole.uniform([6, 3])].map((t) => [...t.dataSync()])
    for (const rows of [3, 2, 1]) {
      for (let part = 0; part < 6 / rows; part++) {
        const rng = new Rng(tf.tensor1d([...keyOf(7).map((word) => word | 0), part], 'int32'))
        expect([...rng.uniform([rows, 5]).dataSync()]).toEqual(
          expected[0]!.slice(part * rows * 5, (part + 1) * rows * 5),
        )
        expect([...rng.uniform([]).dataSync()]).toEqual(expected[1])
        expect([...rng.uniform([rows, 3]).dataSync()]).toEqual(
          expected[2]!.slice(part * rows * 3, (part + 1) * rows * 3),
        )
      }
    }
  })

  it('has the moments of its distributions', () => {
    const rng = Rng.fromSeed(3)
    const n = 40_000
    const normal = moments(rng.normal([n]).dataSync())
    expect(Math.abs(normal.mean)).toBeLessThan(5 / Math.sqrt(n))
    expect(Math.abs(normal.variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n))
    const gumbel = moments(rng.gumbel([n]).dataSync())
    expect(Math.abs(gumbel.mean - 0.5772157)).toBeLessThan(5 * Math.sqrt(1.6449 / n))
    expect(Math.abs(gumbel.variance - Math.PI ** 2 / 6)).toBeLessThan(0.1)
    const coin = moments(rng.bernoulli(0.3, [n]).dataSync())
    expect(Math.abs(coin.mean - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / n))
  })
})

describe('HostRng', () => {
  it('is a pure function of seed and path', () => {
    const draw = (rng: HostRng) => Array.from({ length: 5 }, () => rng.uint32())
    expect(draw(new HostRng(1, 'a', 2))).toEqual(draw(new HostRng(1).fold('a', 2)))
    expect(draw(new HostRng(1, 'a', 2))).not.toEqual(draw(new HostRng(1, 'a', 3)))
    expect(draw(new HostRng(1))).not.toEqual(draw(new HostRng(2)))
  })

  it('chooses different numbers, each equally often', () => {
    const rng = new HostRng(5)
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 5000; i++) {
      const chosen = rng.choice(10, 4)
      expect(new Set(chosen).size).toBe(4)
      for (const index of chosen) counts[index]!++
    }
    const spread = Math.sqrt(5000 * 0.4 * 0.6)
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(5 * spread)
  })

  it('shuffles into a permutation and draws whole numbers without bias at the ends', () => {
    const rng = new HostRng(9)
    expect(rng.shuffle([...Array(50).keys()]).sort((a, b) => a - b)).toEqual([...Array(50).keys()])
    const draws = Array.from({ length: 3000 }, () => rng.int(3))
    expect(new Set(draws)).toEqual(new Set([0, 1, 2]))
    expect(() => rng.int(0)).toThrow(RangeError)
  })
})
