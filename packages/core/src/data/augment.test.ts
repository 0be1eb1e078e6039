import { describe, expect, it } from 'vitest'
import { ConfigError } from '../errors'
import { HostRng } from '../random/index'
import { addNoise, concatenate, perturbGain, perturbSpeed, randomCrop, randomShift } from './augment'

const rng = (...path: number[]) => new HostRng(4, ...path)
const tone = (samples: number, hertz = 200) =>
  Float32Array.from({ length: samples }, (_, index) => 0.3 * Math.sin((2 * Math.PI * hertz * index) / 16000))
const power = (waveform: Float32Array) => waveform.reduce((sum, value) => sum + value * value, 0) / waveform.length
const crossings = (waveform: Float32Array) =>
  waveform.filter((value, index) => index > 0 && value >= 0 !== waveform[index - 1]! >= 0).length

describe('augmentation', () => {
  it('gives the same result for the same stream, and leaves its input alone', () => {
    const waveform = tone(2000)
    const copy = waveform.slice()
    const augmentations: ((stream: HostRng) => Float32Array)[] = [
      (stream) => perturbSpeed(waveform, stream, [0.9, 0.95, 1.05, 1.1]),
      (stream) => perturbGain(waveform, stream),
      (stream) => addNoise(waveform, stream),
      (stream) => randomCrop(waveform, 500, stream),
      (stream) => randomShift(waveform, 100, stream),
      (stream) => concatenate([waveform, waveform], stream, [0, 1000]),
    ]
    for (const augment of augmentations) {
      expect(augment(rng(1))).toEqual(augment(rng(1)))
      const variants = new Set(Array.from({ length: 8 }, (_, index) => augment(rng(index)).join()))
      expect(variants.size).toBeGreaterThan(1)
      expect(waveform).toEqual(copy)
    }
  })

  it('speed: shortens by the factor and raises the pitch', () => {
    const faster = perturbSpeed(tone(16000), rng(), [1.25])
    expect(Math.abs(faster.length - 12800)).toBeLessThanOrEqual(1)
    // 200 Hz for a second has 400 zero crossings; they are still there, in less time.
    expect(Math.abs(crossings(faster) - 400)).toBeLessThanOrEqual(2)
    expect(perturbSpeed(tone(100), rng(), [1])).toEqual(tone(100))
  })

  it('gain: stays inside its range', () => {
    for (let draw = 0; draw < 50; draw++) {
      const ratio = 10 * Math.log10(power(perturbGain(tone(1600), rng(draw), [-6, 3])) / power(tone(1600)))
      expect(ratio).toBeGreaterThan(-6.001)
      expect(ratio).toBeLessThan(3.001)
    }
  })

  it('noise: has the ratio asked for, white or recorded, and cannot be added to silence', () => {
    const waveform = tone(16000)
    for (const noise of [undefined, tone(700, 900)]) {
      const noisy = addNoise(waveform, rng(), { snr: [20, 20], ...(noise ? { noise } : {}) })
      const added = noisy.map((value, index) => value - waveform[index]!)
      expect(10 * Math.log10(power(waveform) / power(added))).toBeCloseTo(20, 3)
    }
    expect(addNoise(new Float32Array(10), rng())).toEqual(new Float32Array(10))
    expect(addNoise(waveform, rng(), { noise: new Float32Array(5) })).toEqual(waveform)
  })

  it('crop: takes a part, every start possible', () => {
    const ramp = Float32Array.from({ length: 10 }, (_, index) => index)
    const starts = new Set(Array.from({ length: 200 }, (_, draw) => randomCrop(ramp, 7, rng(draw))[0]))
    expect([...starts].sort()).toEqual([0, 1, 2, 3])
    expect(
      [...randomCrop(ramp, 7, rng())].every((value, index, all) => index === 0 || value === all[index - 1]! + 1),
    ).toBe(true)
    expect(randomCrop(ramp, 20, rng())).toEqual(ramp)
  })

  it('shift and concatenation: keep all samples, in order, with silence between', () => {
    const ones = new Float32Array(5).fill(1)
    for (let draw = 0; draw < 20; draw++) {
      const shifted = randomShift(ones, 3, rng(draw))
      expect(shifted.length).toBeGreaterThanOrEqual(5)
      expect(shifted.length).toBeLessThanOrEqual(11)
      expect(shifted.join('')).toMatch(/^0*111110*$/)
    }
    const joined = concatenate([ones, ones.map(() => 2), ones.map(() => 3)], rng(), [2, 4])
    expect(joined.join('')).toMatch(/^1{5}0{2,4}2{5}0{2,4}3{5}$/)
    expect(concatenate([], rng()).length).toBe(0)
  })

  it('refuses ranges that are none', () => {
    expect(() => perturbGain(tone(5), rng(), [3, -3])).toThrow(ConfigError)
    expect(() => perturbSpeed(tone(5), rng(), [0])).toThrow(ConfigError)
    expect(() => concatenate([], rng(), [-1, 0])).toThrow(ConfigError)
  })
})
