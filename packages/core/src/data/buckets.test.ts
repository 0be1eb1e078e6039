import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, DataError } from '../errors'
import { lengthBuckets } from './buckets'

const paddedSamples = (lengths: readonly number[], bounds: readonly number[]) =>
  lengths.reduce((sum, length) => sum + bounds.find((bound) => length <= bound)!, 0)

describe('lengthBuckets', () => {
  it('ends at the longest, and puts bounds where lengths crowd', () => {
    expect(lengthBuckets([5, 1, 4, 2, 3, 6], 3)).toEqual([2, 4, 6])
    expect(lengthBuckets([5, 5, 5], 3)).toEqual([5])
    expect(lengthBuckets([10, 10, 10, 10, 11, 100], 2)).toEqual([11, 100])
    expect(lengthBuckets([5, 1, 4, 2, 3, 6], 2, 4)).toEqual([4, 8])
  })

  it('has the least padding that so many bounds can have', () => {
    const settings = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 25 }),
      buckets: fc.integer({ min: 1, max: 4 }),
    })
    const subsets = <T>(items: T[], size: number): T[][] =>
      size === 0
        ? [[]]
        : items.flatMap((item, at) => subsets(items.slice(at + 1), size - 1).map((rest) => [item, ...rest]))
    fc.assert(
      fc.property(settings, ({ lengths, buckets }) => {
        const values = [...new Set(lengths)].sort((a, b) => a - b)
        const longest = values.at(-1)!
        const choices = subsets(values.slice(0, -1), Math.min(buckets, values.length) - 1)
        const least = Math.min(...choices.map((choice) => paddedSamples(lengths, [...choice, longest])))
        const bounds = lengthBuckets(lengths, buckets)
        expect(bounds.length).toBeLessThanOrEqual(buckets)
        expect(paddedSamples(lengths, bounds)).toBe(least)
      }),
    )
  })

  it('takes as few as keep padding below a share', () => {
    const lengths = Array.from({ length: 3000 }, (_, at) => 1000 + at * at)
    const total = lengths.reduce((sum, length) => sum + length, 0)
    for (const maxPadding of [0.3, 0.1, 0.05]) {
      const bounds = lengthBuckets(lengths, { maxPadding })
      const share = (of: number[]) => 1 - total / paddedSamples(lengths, of)
      expect(share(bounds)).toBeLessThanOrEqual(maxPadding)
      expect(share(lengthBuckets(lengths, bounds.length - 1))).toBeGreaterThan(maxPadding)
    }
    expect(lengthBuckets(lengths, { maxPadding: 0.001, most: 6 }).length).toBe(6)
  })

  it('refuses what is no number of buckets, and no lengths', () => {
    expect(() => lengthBuckets([1], 0)).toThrow(ConfigError)
    expect(() => lengthBuckets([1], { maxPadding: 1 })).toThrow(ConfigError)
    expect(() => lengthBuckets([], 1)).toThrow(DataError)
  })
})
