import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, DataError } from '../errors'
import { HostRng } from '../random/index'
import { BatchPlanner, type BatchPlannerOptions } from './batch-planner'
import { lengthBuckets } from './buckets'

const lengthsOf = (count: number, seed = 1) => {
  const rng = new HostRng(seed)
  return Array.from({ length: count }, () => 1 + rng.int(1000))
}

const epochOf = (planner: BatchPlanner, epoch = 0) =>
  Array.from({ length: planner.batchesPerEpoch }, (_, index) => planner.batch(epoch, index))

const epochFor = (lengths: readonly number[], options: BatchPlannerOptions, epoch = 0) =>
  epochOf(new BatchPlanner(lengths, options), epoch)

describe('BatchPlanner', () => {
  it('depends on seed and epoch alone, and not on what was asked before', () => {
    const plan = (seed: number, epoch: number) => epochFor(lengthsOf(50), { batchSize: 4, buckets: 3, seed }, epoch)
    expect(plan(1, 2)).toEqual(plan(1, 2))
    expect(plan(1, 2)).not.toEqual(plan(1, 3))
    expect(plan(1, 2)).not.toEqual(plan(2, 2))
    const planner = new BatchPlanner(lengthsOf(50), { batchSize: 4, buckets: 3, seed: 1 })
    const backwards = [3, 2, 2, 0].map((epoch, at) => planner.batch(epoch, 5 - at))
    expect(backwards[1]).toEqual(plan(1, 2)[4])
    expect(backwards[2]).toEqual(plan(1, 2)[3])
  })

  it('has every item once (but for those drawn again), pads to its bucket, and keeps to the limit on samples', () => {
    const settings = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 60 }),
      buckets: fc.integer({ min: 1, max: 5 }),
      incomplete: fc.constantFrom('fill' as const, 'keep' as const),
      shuffle: fc.boolean(),
      multipleOf: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(settings, ({ lengths, ...options }) => {
        const batches = epochFor(lengths, { ...options, maxSamples: 1200 })
        const bounds = lengthBuckets(lengths, options.buckets)
        const items = batches.flatMap(({ indices }) => indices)
        expect(new Set(items).size).toBe(lengths.length)
        expect(items.length - lengths.length).toBeLessThan(Math.max(...batches.map(({ indices }) => indices.length)))
        for (const { indices, paddedLength } of batches) {
          expect(bounds).toContain(paddedLength)
          expect(indices.length * paddedLength).toBeLessThanOrEqual(1200)
          expect(indices.length % options.multipleOf).toBe(0)
          for (const index of indices) expect(lengths[index]).toBeLessThanOrEqual(paddedLength)
        }
      }),
    )
  })

  it('has one shape for each bucket when incomplete batches are filled', () => {
    const batches = epochFor(lengthsOf(53), { batchSize: 4, buckets: 3, seed: 1 })
    expect(batches.every(({ indices }) => indices.length === 4)).toBe(true)
    expect(batches.length).toBe(14)
    expect(new Set(batches.map(({ paddedLength }) => paddedLength)).size).toBe(3)
  })

  it('loses at most one incomplete batch when they are dropped', () => {
    const indices = epochFor(lengthsOf(53), { batchSize: 4, buckets: 3, incomplete: 'drop', seed: 1 }).flatMap(
      (batch) => batch.indices,
    )
    expect(indices.length).toBe(52)
    expect(new Set(indices).size).toBe(52)
  })

  it('goes through items in order without shuffling', () => {
    const options = { batchSize: 2, shuffle: false, incomplete: 'keep' as const, seed: 1 }
    expect(epochFor([3, 3, 3, 3, 3], options, 4).map(({ indices }) => indices)).toEqual([[0, 1], [2, 3], [4]])
    expect(epochFor([9, 2, 9, 1, 3], { ...options, buckets: [3, 9] })).toEqual([
      { indices: [1, 3], paddedLength: 3 },
      { indices: [4, 0], paddedLength: 9 },
      { indices: [2], paddedLength: 9 },
    ])
  })

  it('mixes short batches with long ones, and puts items together that were apart', () => {
    const batches = epochFor(lengthsOf(400), { batchSize: 4, buckets: 4, seed: 3 })
    const rises = batches.filter(({ paddedLength }, at) => at > 0 && paddedLength >= batches[at - 1]!.paddedLength)
    expect(rises.length).toBeGreaterThan(40)
    expect(rises.length).toBeLessThan(80)
    const pairs = (epoch: number) =>
      new Set(
        epochFor(lengthsOf(400), { batchSize: 2, seed: 3 }, epoch).map(({ indices }) => [...indices].sort().join()),
      )
    const [first, second] = [pairs(0), pairs(1)]
    expect([...first].filter((pair) => second.has(pair)).length).toBeLessThan(10)
  })

  it('places a batch of two million items in the thousandth epoch without going through the others', () => {
    const rng = new HostRng(8)
    const lengths = Uint32Array.from({ length: 2_000_000 }, () => 20_000 + rng.int(300_000))
    const planner = new BatchPlanner(lengths, { maxSamples: 4_000_000, buckets: 8, seed: 4, multipleOf: 4 })
    // The same few hundred calls as for a small corpus: an epoch's order is never laid out.
    const batch = planner.batch(1000, planner.batchesPerEpoch - 1)
    expect(batch.indices.length % 4).toBe(0)
    for (const index of batch.indices) expect(lengths[index]).toBeLessThanOrEqual(batch.paddedLength)
    expect(new Set(Array.from({ length: 50 }, (_, at) => planner.batch(7, at).indices).flat()).size).toBeGreaterThan(
      500,
    )
  })

  it('makes finite batches of items without samples', () => {
    const planner = new BatchPlanner([0, 0, 0, 4, 4], { maxSamples: 8, buckets: 2, seed: 0 })
    const items = Array.from({ length: planner.batchesPerEpoch }, (_, at) => planner.batch(0, at).indices).flat()
    expect([...new Set(items)].sort()).toEqual([0, 1, 2, 3, 4])
  })

  it('says how much is padding', () => {
    expect(new BatchPlanner([5, 10], { batchSize: 1, seed: 0 }).paddingShare).toBeCloseTo(0.25)
    expect(new BatchPlanner([5, 10], { batchSize: 1, buckets: 2, seed: 0 }).paddingShare).toBe(0)
  })

  it('refuses items longer than the last bound, epochs without a batch, and sizes that are none', () => {
    const make = (lengths: number[], options: Partial<BatchPlannerOptions>) => () =>
      new BatchPlanner(lengths, { seed: 1, ...options })
    expect(make([5, 50], { batchSize: 1, buckets: [10] })).toThrow(DataError)
    expect(make([5], { batchSize: 2, incomplete: 'drop' })).toThrow(DataError)
    expect(make([5], {})).toThrow(ConfigError)
    expect(make([5], { batchSize: 0 })).toThrow(ConfigError)
    expect(make([5], { batchSize: 6, multipleOf: 4 })).toThrow(/batchSize is 6.*no multiple of 4/)
  })
})
