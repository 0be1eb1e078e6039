import { useEngine } from '@babble/core/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { Initializer } from './initializer'

describe('Initializer', () => {
  beforeAll(() => useEngine('cpu'))

  const made = (init: Initializer) =>
    [init.normal([40], 2), init.normal([40], 2), init.uniform([40], 3)].map((v) => Array.from(v.dataSync()))

  it('gives equal models for equal seeds, and other numbers to each parameter', () => {
    expect(made(new Initializer(7))).toEqual(made(new Initializer(7)))
    expect(made(new Initializer(7))).not.toEqual(made(new Initializer(8)))
    const [first, second] = made(new Initializer(7))
    expect(first).not.toEqual(second)
  })

  it('draws with the deviation and within the bounds asked for', () => {
    const init = new Initializer(1)
    const count = 20_000
    const normal = init.normal([count], 0.5).dataSync() as Float32Array
    const mean = normal.reduce((a, b) => a + b, 0) / count
    const variance = normal.reduce((a, b) => a + (b - mean) ** 2, 0) / count
    expect(Math.abs(mean)).toBeLessThan((5 * 0.5) / Math.sqrt(count))
    expect(Math.abs(variance / 0.25 - 1)).toBeLessThan(5 * Math.sqrt(2 / count))
    const uniform = init.uniform([count], 0.1).dataSync()
    expect(Math.max(...uniform)).toBeLessThanOrEqual(Math.fround(0.1))
    expect(Math.max(...uniform)).toBeGreaterThan(0.0999)
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(Math.fround(-0.1))
    expect(Math.min(...uniform)).toBeLessThan(-0.0999)
  })

  it('makes zeros of everything when empty', () => {
    const init = Initializer.empty()
    for (const variable of [
      init.normal([3], 1),
      init.uniform([3], 1),
      init.constant([3], 1),
      init.from([3], () => Float32Array.of(1, 2, 3)),
    ]) {
      expect(Array.from(variable.dataSync())).toEqual([0, 0, 0])
    }
  })
})
