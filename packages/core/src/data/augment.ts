import { resample } from '../audio/index'
import { ConfigError } from '../errors'
import type { HostRng } from '../random/index'

/** Root mean square of a waveform; 0 for an empty one. */
const rms = (waveform: Float32Array): number =>
  waveform.length === 0 ? 0 : Math.sqrt(waveform.reduce((sum, value) => sum + value * value, 0) / waveform.length)

const between = (rng: HostRng, low: number, high: number): number => low + (high - low) * rng.uniform()

const checkRange = (field: string, range: readonly [number, number], minimum = Number.NEGATIVE_INFINITY): void => {
  if (!(range[0] <= range[1]) || range[0] < minimum)
    throw new ConfigError(`${field} is [${range.join(', ')}].`, { field })
}

/**
 * Plays a waveform faster or slower, which moves tempo and pitch (Ko et al. 2015): at factor 1.1 it is 1/1.1 as long.
 *
 * @param factors One of them, to two decimals, is drawn. Default [0.9, 1, 1.1].
 */
export const perturbSpeed = (
  waveform: Float32Array,
  rng: HostRng,
  factors: readonly number[] = [0.9, 1, 1.1],
): Float32Array => {
  if (factors.length === 0 || factors.some((factor) => !(factor > 0))) {
    throw new ConfigError(`factors are [${factors.join(', ')}]; they must be above 0.`, { field: 'factors' })
  }
  const factor = factors[rng.int(factors.length)]!
  // Only the ratio of the rates matters; with two decimals it has a short polyphase filter.
  const from = 160 * Math.round(factor * 100)
  return from === 16000 ? waveform.slice() : resample(waveform, from, 16000)
}

/** Makes a waveform louder or softer by a number of dB drawn evenly from `range`. Default [-6, 6]. */
export const perturbGain = (
  waveform: Float32Array,
  rng: HostRng,
  range: readonly [number, number] = [-6, 6],
): Float32Array => {
  checkRange('range', range)
  const gain = 10 ** (between(rng, range[0], range[1]) / 20)
  return waveform.map((value) => value * gain)
}

export interface NoiseOptions {
  /** Ratio of signal to noise power in dB, drawn evenly from this range. Default [10, 30]. */
  readonly snr?: readonly [number, number]
  /** Recorded noise; a random part of it is taken, repeated where it is too short. Default: white Gaussian noise. */
  readonly noise?: Float32Array
}

/** Adds noise. A silent waveform, or silent noise, leaves it as it is. */
export const addNoise = (waveform: Float32Array, rng: HostRng, options: NoiseOptions = {}): Float32Array => {
  const { snr = [10, 30], noise } = options
  checkRange('snr', snr)
  const ratio = 10 ** (between(rng, snr[0], snr[1]) / 20)
  const start = noise && noise.length > 0 ? rng.int(noise.length) : 0
  const added = waveform.map((_, index) => (noise ? (noise[(start + index) % noise.length] ?? 0) : rng.normal()))
  const noiseLevel = rms(added)
  const scale = noiseLevel === 0 ? 0 : rms(waveform) / (ratio * noiseLevel)
  return waveform.map((value, index) => value + scale * added[index]!)
}

/** A random part of `length` samples; the whole waveform (a copy) when it is no longer than that. */
export const randomCrop = (waveform: Float32Array, length: number, rng: HostRng): Float32Array => {
  const start = waveform.length > length ? rng.int(waveform.length - length + 1) : 0
  return waveform.slice(start, start + length)
}

/** Puts silence of a random length, up to `maxSamples` at each side, around a waveform. */
export const randomShift = (waveform: Float32Array, maxSamples: number, rng: HostRng): Float32Array => {
  const before = rng.int(maxSamples + 1)
  const after = rng.int(maxSamples + 1)
  const shifted = new Float32Array(before + waveform.length + after)
  shifted.set(waveform, before)
  return shifted
}

/**
 * Joins waveforms, with silence of a random length between them: spoken digits into digit strings.
 *
 * @param gapSamples Range that each gap's length is drawn from. Default [0, 0].
 */
export const concatenate = (
  waveforms: readonly Float32Array[],
  rng: HostRng,
  gapSamples: readonly [number, number] = [0, 0],
): Float32Array => {
  checkRange('gapSamples', gapSamples, 0)
  const gaps = waveforms.slice(1).map(() => gapSamples[0] + rng.int(gapSamples[1] - gapSamples[0] + 1))
  const joined = new Float32Array(
    [...waveforms.map(({ length }) => length), ...gaps].reduce((sum, length) => sum + length, 0),
  )
  let position = 0
  waveforms.forEach((waveform, index) => {
    joined.set(waveform, position)
    position += waveform.length + (gaps[index] ?? 0)
  })
  return joined
}
