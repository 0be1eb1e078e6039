import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeSafetensors, toFloat32 } from '../checkpoint/index'
import { HostRng } from '../random/index'
import { countMasked, equaliseMaskCounts, sampleBatchSpanMask, sampleSpanMask } from './span-mask'

interface Setting {
  T: number
  batch: number
  impl: 'fairseq' | 'av_hubert' | 'hf'
  lengths?: number[]
  mask_length: number
  mask_prob: number
  min_masks: number
}

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/mask-statistics/${name}`, import.meta.url)))
const config = JSON.parse(fixture('config.json').toString()) as { draws: number; settings: Record<string, Setting> }
const { tensors } = decodeSafetensors(fixture('expected.safetensors'), 'expected.safetensors')
const expected = (name: string) => toFloat32(tensors.get(name)!)

/** Runs of masked frames: maximal blocks. */
const runsOf = (mask: Uint8Array): number[] => {
  const runs: number[] = []
  let length = 0
  for (const masked of [...mask, 0]) {
    if (masked) length++
    else if (length > 0) {
      runs.push(length)
      length = 0
    }
  }
  return runs
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const variance = (values: number[], center: number) => mean(values.map((value) => (value - center) ** 2))

// Streams are fixed, so these tests are deterministic. Both sides are estimates, from 10,000 draws and from DRAWS: the
// allowed distance is so many standard errors of their difference.
const DRAWS = 5000
const SIGMAS = 4
/** For the largest of hundreds of positions or run lengths: exceeded by chance in about one of 1,000 sets of 500. */
const SIGMAS_OF_MANY = 4.8

describe.each(Object.entries(config.settings))(
  'span masks have the statistics of the reference: %s',
  (name, setting) => {
    const lengths = setting.lengths ?? [setting.T]
    const rng = new HostRng(20, name)
    const draws = Array.from({ length: DRAWS }, (_, draw) => {
      const batch = sampleBatchSpanMask({
        lengths,
        frames: setting.T,
        probability: setting.mask_prob,
        spanLength: setting.mask_length,
        minSpans: setting.min_masks,
        variant: setting.impl === 'hf' ? 'hf' : 'fairseq',
        rng: rng.fold(draw),
      })
      return lengths.map((_, item) => batch.subarray(item * setting.T, (item + 1) * setting.T))
    })
    /** Factor on a variance for the difference of two means over so many draws. */
    const joint = 1 / DRAWS + 1 / config.draws

    it('masked fraction: mean and standard deviation', () => {
      lengths.forEach((length, item) => {
        const fractions = draws.map((masks) => countMasked(masks[item]!) / length)
        const center = mean(fractions)
        const spread = Math.sqrt(variance(fractions, center))
        const referenceSpread = expected(`${name}.std_masked_fraction`)[item]!
        expect(Math.abs(center - expected(`${name}.mean_masked_fraction`)[item]!)).toBeLessThan(
          SIGMAS * referenceSpread * Math.sqrt(joint),
        )
        // Standard error of a standard deviation from the fourth moment.
        const fourth = mean(fractions.map((value) => (value - center) ** 4))
        const error = Math.sqrt((fourth - spread ** 4) * joint) / (2 * spread)
        expect(Math.abs(spread - referenceSpread)).toBeLessThan(SIGMAS * error)
      })
    })

    it('runs: mean number, mean length and distribution of lengths', () => {
      lengths.forEach((_, item) => {
        const counts = draws.map((masks) => runsOf(masks[item]!).length)
        const center = mean(counts)
        const error = Math.sqrt(variance(counts, center) * joint)
        expect(Math.abs(center - expected(`${name}.mean_runs`)[item]!)).toBeLessThan(SIGMAS * error)
      })
      const perDraw = draws.map((masks) => masks.flatMap(runsOf))
      const runs = mean(perDraw.map((drawn) => drawn.length))
      const masked = mean(perDraw.map((drawn) => drawn.reduce((sum, length) => sum + length, 0)))
      // Ratio estimators: the error of sum/sum is that of the residuals.
      const ratioError = (numerators: number[], ratio: number) =>
        Math.sqrt(mean(perDraw.map((drawn, draw) => (numerators[draw]! - ratio * drawn.length) ** 2)) * joint) / runs
      const lengthSums = perDraw.map((drawn) => drawn.reduce((sum, length) => sum + length, 0))
      const meanLength = masked / runs
      expect(Math.abs(meanLength - expected(`${name}.mean_run_length`)[0]!)).toBeLessThan(
        SIGMAS * ratioError(lengthSums, meanLength),
      )
      const histogram = expected(`${name}.run_length_histogram`)
      for (let length = 1; length < histogram.length; length++) {
        const ofLength = perDraw.map(
          (drawn) => drawn.filter((run) => Math.min(run, histogram.length - 1) === length).length,
        )
        const share = mean(ofLength) / runs
        const pooled = (share * DRAWS + histogram[length]! * config.draws) / (DRAWS + config.draws)
        // Poisson where events are few, with the observed clustering where they are many.
        const error = Math.max(ratioError(ofLength, share), Math.sqrt((pooled / runs) * joint))
        if (pooled === 0) continue
        // A handful of events is not Gaussian: allow three of them.
        const slack = 3 / (runs * Math.min(DRAWS, config.draws))
        expect(Math.abs(share - histogram[length]!), `length ${length}`).toBeLessThan(SIGMAS_OF_MANY * error + slack)
      }
    })

    it('probability of each position', () => {
      const marginal = expected(`${name}.position_marginal`)
      lengths.forEach((_, item) => {
        for (let frame = 0; frame < setting.T; frame++) {
          const reference = marginal[item * setting.T + frame]!
          const share = mean(draws.map((masks) => masks[item]![frame]!))
          const pooled = (share * DRAWS + reference * config.draws) / (DRAWS + config.draws)
          const error = Math.sqrt(pooled * (1 - pooled) * joint)
          if (error === 0) expect(share).toBe(reference)
          else expect(Math.abs(share - reference) / error, `item ${item} frame ${frame}`).toBeLessThan(SIGMAS_OF_MANY)
        }
      })
    })
  },
)

describe('sampleSpanMask', () => {
  const base = { probability: 0.65, spanLength: 10, minSpans: 2 }

  it('draws the same mask again from the same stream, and another from another', () => {
    const draw = (seed: number) => sampleSpanMask({ ...base, frames: 200, variant: 'fairseq', rng: new HostRng(seed) })
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })

  it('covers exactly the spans asked for when they cannot overlap', () => {
    const mask = sampleSpanMask({
      ...base,
      spanLength: 1,
      frames: 100,
      variant: 'hf',
      spanCountOffset: 0.5,
      rng: new HostRng(1),
    })
    expect(countMasked(mask)).toBe(65)
  })

  it('works for any length, and never masks more than there is', () => {
    const settings = fc.record({
      frames: fc.integer({ min: 0, max: 60 }),
      probability: fc.double({ min: 0, max: 2, noNaN: true }),
      spanLength: fc.integer({ min: 1, max: 20 }),
      minSpans: fc.integer({ min: 0, max: 4 }),
      variant: fc.constantFrom('fairseq' as const, 'hf' as const),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(settings, ({ seed, ...options }) => {
        const mask = sampleSpanMask({ ...options, rng: new HostRng(seed) })
        expect(mask.length).toBe(options.frames)
        expect(mask.every((value) => value <= 1)).toBe(true)
        if (options.probability === 0 && options.minSpans === 0) expect(countMasked(mask)).toBe(0)
      }),
    )
  })

  it('limits hf spans by the padded length, as Hugging Face does', () => {
    const draw = (paddedFrames: number) =>
      sampleSpanMask({ ...base, probability: 0, frames: 15, paddedFrames, variant: 'hf', rng: new HostRng(3) })
    expect(countMasked(draw(15))).toBe(10)
    expect(countMasked(draw(100))).toBeGreaterThan(10)
  })
})

describe('equaliseMaskCounts', () => {
  it('only takes frames away, down to the smallest count', () => {
    const before = [
      Uint8Array.from([1, 1, 1, 0, 1]),
      Uint8Array.from([0, 1, 1, 0, 0]),
      Uint8Array.from([1, 1, 1, 1, 1]),
    ]
    const after = before.map((mask) => mask.slice())
    equaliseMaskCounts(after, new HostRng(5))
    expect(after.map(countMasked)).toEqual([2, 2, 2])
    after.forEach((mask, item) => {
      for (const [frame, masked] of mask.entries()) expect(masked).toBeLessThanOrEqual(before[item]![frame]!)
    })
    expect(after[1]).toEqual(before[1])
  })
})
