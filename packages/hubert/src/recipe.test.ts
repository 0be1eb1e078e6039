import { describe, expect, it } from 'vitest'
import { ctcSchedule, hubertCtcRecipe, hubertPretrainingRecipe } from './recipe'

describe("the paper's pre-training (section IV-C)", () => {
  it.each([
    ['base', {}, 250_000, 5e-4, 100, [100], 32 * 87.5],
    ['base', { iteration: 2 }, 400_000, 5e-4, 50, [500], 32 * 87.5],
    ['large', {}, 400_000, 1.5e-3, 50, [500], 128 * 56.25],
    ['xlarge', {}, 400_000, 3e-3, 50, [500], 256 * 22.5],
  ] as const)('%s %j', (size, options, updates, rate, labelRate, clusters, seconds) => {
    const { config, maxSteps, optimizer, schedule, batchSamples, ...rest } = hubertPretrainingRecipe(size, options)
    expect({ maxSteps, rate: optimizer.learningRate, betas: optimizer.betas }).toEqual({
      maxSteps: updates,
      rate,
      betas: [0.9, 0.98],
    })
    expect(config).toMatchObject({ labelRate, numClasses: clusters, maskTimeProb: 0.8, maskTimeLength: 10 })
    // The warm-up takes 8 % of the updates, and the rate falls to nothing after it.
    const warm = 0.08 * updates
    expect([schedule(warm / 2), schedule(warm), schedule((warm + updates) / 2), schedule(updates + 1)]).toEqual([
      expect.closeTo(0.5, 9),
      1,
      expect.closeTo(0.5, 4),
      0,
    ])
    expect(batchSamples / 16_000).toBe(seconds)
    expect(rest).toMatchObject({ maskedWeight: 1, unmaskedWeight: 0, featurePenaltyWeight: 10 })
    expect(rest).toMatchObject({ minSamples: 32_000, cropSamples: 250_000 })
    expect([rest.featureGradMult, rest.clipNorm, rest.normalize]).toEqual(
      size === 'base' ? [0.1, 10, false] : [1, 1, true],
    )
  })

  it('keeps the shape of the schedule when there are fewer updates', () => {
    const { maxSteps, schedule } = hubertPretrainingRecipe('tiny', { maxSteps: 50, config: { numClasses: [20, 30] } })
    expect(maxSteps).toBe(50)
    expect([schedule(2), schedule(4), schedule(51)]).toEqual([0.5, 1, 0])
  })
})

describe("fairseq's fine-tuning on 10 hours (section IV-D)", () => {
  it('has its updates, rate, masks and freeze', () => {
    const { config, maxSteps, optimizer, freezeTransformerUpdates } = hubertCtcRecipe('10h')
    expect({ maxSteps, freezeTransformerUpdates, rate: optimizer.learningRate }).toEqual({
      maxSteps: 25_000,
      freezeTransformerUpdates: 10_000,
      rate: 2e-5,
    })
    expect(config).toMatchObject({ maskTimeProb: 0.75, maskFeatureProb: 0.5, maskFeatureLength: 64, layerdrop: 0.1 })
  })

  it('warms up over 8,000 updates and has come to a part of the decay over 72,000 at the end', () => {
    const { schedule } = hubertCtcRecipe('10h')
    const decayed = (updates: number) => 0.05 ** (updates / 72_000)
    // `schedule` counts updates from 1.
    expect(schedule(8001)).toBeCloseTo(1, 9)
    expect(schedule(16_501)).toBeCloseTo(decayed(8500), 6)
    expect(schedule(25_001)).toBeCloseTo(decayed(17_000), 6)
    expect(ctcSchedule.end).toBeCloseTo(0.493, 3)
  })

  it('freezes the same share of fewer updates, and nothing where there is much labelled speech', () => {
    expect(hubertCtcRecipe('10h', { maxSteps: 100 }).freezeTransformerUpdates).toBe(40)
    expect(hubertCtcRecipe('960h').freezeTransformerUpdates).toBe(0)
  })
})
