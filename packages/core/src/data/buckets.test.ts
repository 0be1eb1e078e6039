import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { HostRng } from '../random/index'
import { bucketedBatches, lengthBuckets } from './buckets'

const lengthsOf = (count: number, seed = 1) => {
  const rng = new HostRng(seed)
  return Array.from({ length: count }, () => 1 + rng.int(1000))
}

describe('lengthBuckets', () => {
  it('splits into groups of equal size, and ends at the longest', () => {
    expect(lengthBuckets([5, 1, 4, 2, 3, 6], 3)).toEqual([2, 4, 6])
    expect(lengthBuckets([5, 5, 5], 3)).toEqual([5])
    expect(lengthBuckets([5, 1, 4, 2, 3, 6], 2, 4)).toEqual([4, 8])
  })
})

describe('bucketedBatches', () => {
  it('depends on seed and epoch alone', () => {
    const plan = (seed: number, epoch: number) =>
      bucketedBatches(lengthsOf(50), { batchSize: 4, buckets: 3, seed, epoch })
    expect(plan(1, 2)).toEqual(plan(1, 2))
    expect(plan(1, 2)).not.toEqual(plan(1, 3))
    expect(plan(1, 2)).not.toEqual(plan(2, 2))
  })

  it('has every item, pads to its bucket, and keeps to the limit on samples', () => {
    const settings = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 60 }),
      buckets: fc.integer({ min: 1, max: 5 }),
      incomplete: fc.constantFrom('fill' as const, 'keep' as const),
      shuffle: fc.boolean(),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(settings, ({ lengths, ...options }) => {
        const batches = bucketedBatches(lengths, { ...options, maxSamples: 1200, epoch: 0 })
        const bounds = lengthBuckets(lengths, options.buckets)
        expect(new Set(batches.flatMap(({ indices }) => indices)).size).toBe(lengths.length)
        for (const { indices, paddedLength } of batches) {
          expect(bounds).toContain(paddedLength)
          expect(indices.length * paddedLength).toBeLessThanOrEqual(1200)
          for (const index of indices) expect(lengths[index]).toBeLessThanOrEqual(paddedLength)
        }
      }),
    )
  })

  it('has one shape for each bucket when incomplete batches are filled', () => {
    const batches = bucketedBatches(lengthsOf(53), { batchSize: 4, buckets: 3, seed: 1, epoch: 0 })
    expect(batches.every(({ indices }) => indices.length === 4)).toBe(true)
    expect(batches.length).toBe(14)
  })

  it('loses at most one incomplete batch when they are dropped', () => {
    const batches = bucketedBatches(lengthsOf(53), { batchSize: 4, buckets: 3, incomplete: 'drop', seed: 1, epoch: 0 })
    const indices = batches.flatMap((batch) => batch.indices)
    expect(indices.length).toBe(52)
    expect(new Set(indices).size).toBe(52)
  })

  it('goes through items in order without shuffling', () => {
    const batches = bucketedBatches([3, 3, 3, 3, 3], {
      batchSize: 2,
      shuffle: false,
      incomplete: 'keep',
      seed: 1,
      epoch: 4,
    })
    expect(batches.map(({ indices }) => indices)).toEqual([[0, 1], [2, 3], [4]])
  })

  it('refuses items longer than the last bound, and epochs without a batch', () => {
    expect(() => bucketedBatches([5, 50], { batchSize: 1, buckets: [10], seed: 1, epoch: 0 })).toThrow(DataError)
    expect(() => bucketedBatches([5], { batchSize: 2, incomplete: 'drop', seed: 1, epoch: 0 })).toThrow(DataError)
  })
})
