import { describe, expect, it } from 'vitest'
import { hashedLabels, hashedValues } from './inputs'

describe('hashedValues', () => {
  it('is a function of seed and place alone, with mean 0 and variance 1', () => {
    const values = hashedValues(20_000, 3)
    expect(hashedValues(5, 3)).toEqual(values.subarray(0, 5))
    expect(hashedValues(5, 4)).not.toEqual(values.subarray(0, 5))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    // Five standard errors of 20,000 uniform draws.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20_000))
    expect(Math.abs(variance - 1)).toBeLessThan((5 * Math.sqrt(0.8)) / Math.sqrt(20_000))
  })

  it('gives what python/ops.py gives', () => {
    // Printed by hashed(3, 1) there: 32 bits, of which the upper 24 make the value.
    const bits = [0x92ca2f0e, 0x96a0f96b, 0xb4421bbb]
    const expected = bits.map((value) => Math.fround(((value >>> 8) / 2 ** 23 - 1) * Math.sqrt(3)))
    expect(Array.from(hashedValues(3, 1))).toEqual(expected)
  })
})

describe('hashedLabels', () => {
  it('never gives the blank, nor the same label twice in a row', () => {
    const labels = hashedLabels(4, 50, 6, 2)
    expect(Math.min(...labels)).toBe(1)
    expect(Math.max(...labels)).toBe(5)
    labels.forEach((label, i) => {
      if (i % 50 > 0) expect(label).not.toBe(labels[i - 1])
    })
  })
})
