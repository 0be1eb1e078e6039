import { describe, expect, it } from 'vitest'
import { AudioError } from '../errors'
import { resample } from './resample'

const sine = (hertz: number, rate: number, length: number, phase = 0.3) =>
  Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate + phase))

/** Largest difference, or size, away from the ends, where the filter reaches beyond the recording. */
const interior = (samples: Float32Array, expected?: Float32Array) => {
  const edge = Math.floor(samples.length / 4)
  let worst = 0
  for (let i = edge; i < samples.length - edge; i++)
    worst = Math.max(worst, Math.abs(samples[i]! - (expected?.[i] ?? 0)))
  return worst
}

describe('resample', () => {
  it.each([
    [8000, 16000],
    [16000, 8000],
    [44100, 16000],
    [48000, 16000],
    [22050, 16000],
    [16000, 44100],
    [11025, 16000],
    [16000, 15999],
    [900, 1000],
  ])('keeps a sine of half the pass band, in place and size: %i to %i Hz', (from, to) => {
    const hertz = 0.225 * Math.min(from, to)
    const seconds = 1000 / Math.min(from, to)
    const out = resample(sine(hertz, from, Math.round(from * seconds)), from, to)
    expect(interior(out, sine(hertz, to, out.length))).toBeLessThan(2e-5)
  })

  it('keeps 90 % of the band', () => {
    const out = resample(sine(7200, 44100, 44100), 44100, 16000)
    expect(interior(out, sine(7200, 16000, out.length))).toBeLessThan(2e-5)
  })

  it.each([8001, 8100, 9000, 12000, 21000])(
    'suppresses what would alias by more than 90 dB: %i Hz at 44.1 to 16 kHz',
    (hertz) => {
      expect(interior(resample(sine(hertz, 44100, 44100), 44100, 16000))).toBeLessThan(10 ** (-90 / 20))
    },
  )

  it('leaves no image above the old band when the rate doubles', () => {
    const out = resample(sine(3500, 8000, 16000), 8000, 16000)
    // The image of 3500 Hz would be at 4500 Hz: correlate with it.
    let [re, im] = [0, 0]
    for (let i = 8000; i < 24000; i++) {
      re += out[i]! * Math.cos((2 * Math.PI * 4500 * i) / 16000)
      im += out[i]! * Math.sin((2 * Math.PI * 4500 * i) / 16000)
    }
    expect((2 * Math.hypot(re, im)) / 16000).toBeLessThan(10 ** (-90 / 20))
  })

  it.each([
    [44100, 16000],
    [8000, 16000],
    [16000, 17777],
  ])('has a gain of 1 at 0 Hz: %i to %i Hz', (from, to) => {
    const out = resample(new Float32Array(4000).fill(0.5), from, to)
    expect(interior(out, new Float32Array(out.length).fill(0.5))).toBeLessThan(6e-8)
  })

  it('has no delay: an impulse stays where it is, symmetric', () => {
    const impulse = new Float32Array(801)
    impulse[400] = 1
    const out = resample(impulse, 8000, 16000)
    expect(out.indexOf(Math.max(...out))).toBe(800)
    for (let i = 1; i < 140; i++) expect(Math.abs(out[800 - i]! - out[800 + i]!)).toBeLessThan(1e-8)
  })

  it('gives ceil(n * to / from) samples', () => {
    const length = (n: number, from: number, to: number) => resample(new Float32Array(n), from, to).length
    expect([
      length(0, 8000, 16000),
      length(1, 44100, 16000),
      length(3, 44100, 16000),
      length(441, 44100, 16000),
    ]).toEqual([0, 1, 2, 160])
    expect(length(7, 8000, 16000)).toBe(14)
  })

  it('returns the samples themselves at equal rates', () => {
    const samples = Float32Array.of(1, 2)
    expect(resample(samples, 16000, 16000)).toBe(samples)
  })

  it('keeps a sine between coprime rates, whose filter is larger than what is cached', () => {
    // 47999 phases of 128 taps: more than the cache holds, so that the last are computed on the fly.
    const out = resample(sine(3000, 48000, 48000), 48000, 47999)
    expect(interior(out, sine(3000, 47999, out.length))).toBeLessThan(2e-5)
  })

  it('refuses rates that are not whole numbers, or too far apart', () => {
    for (const [from, to] of [
      [0, 1],
      [16000, Number.NaN],
      [16000, -1],
      [0.5, 1],
      [1, 16000],
      [Infinity, 16000],
    ] as const) {
      expect(() => resample(new Float32Array(4), from, to)).toThrow(AudioError)
    }
  })
})
