import { AudioError } from '../errors'

/** Half-width of the filter, in zero crossings of its sinc. */
const zeroCrossings = 64
/** Attenuation of what would alias, in dB. */
const attenuation = 100
/** Kaiser's formulas: the window's shape for this attenuation, and the width of the transition in cycles per sample. */
const beta = 0.1102 * (attenuation - 8.7)
const transition = (attenuation - 8) / (2.285 * 2 * Math.PI * 2 * zeroCrossings)
/** The pass band ends so far below the Nyquist frequency that the stop band begins at it. */
const rolloff = 1 - transition

/** Coefficients kept for one ratio, at most (32 MB): beyond, they are computed each time they are needed. */
const mostCoefficients = 2 ** 22
const mostBanks = 8
/** Largest ratio of the rates; the filter grows with it. */
const largestRatio = 1000
const banks = new Map<string, FilterBank>()

/**
 * Changes the sampling rate by a band-limited interpolation: a sinc windowed by Kaiser's window, evaluated at the exact
 * position of each output sample (polyphase for the reduced ratio of the rates). The filter is symmetric about that
 * position: linear phase without delay. What lies above the lower Nyquist frequency is suppressed by 100 dB; up to 90 % of
 * it passes unchanged, and a constant keeps its value. Outside the recording is taken to be silence.
 *
 * @param samples mono samples at `from` Hz.
 * @param from rate of the samples in Hz, a whole number; only the ratio of the rates matters.
 * @param to rate wanted in Hz, a whole number, within 1000 times `from` either way.
 * @returns `ceil(samples.length * to / from)` samples: sample j lies at j / to seconds. For equal rates, the array itself.
 * @throws AudioError if a rate is not usable.
 */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  for (const [field, rate] of Object.entries({ from, to })) {
    if (!Number.isSafeInteger(rate) || rate < 1 || rate > largestRatio * Math.min(from, to)) {
      throw new AudioError(`Samples cannot be converted from ${from} to ${to} Hz.`, {
        field,
        cure: `Use whole numbers of Hz, neither more than ${largestRatio} times the other.`,
      })
    }
  }
  if (from === to) return samples
  const divisor = greatestCommonDivisor(from, to)
  const up = to / divisor
  const down = from / divisor
  const bank = filterBank(up, down)
  const out = new Float32Array(resampledLength(samples.length, from, to))
  const { reach } = bank
  const stepWhole = Math.floor(down / up)
  const stepPhase = down % up
  for (let j = 0, whole = 0, phase = 0; j < out.length; j++) {
    const taps = bank.phase(phase)
    // Tap k weighs the input sample at whole - reach + 1 + k.
    const start = whole - reach + 1
    const first = Math.max(0, -start)
    const last = Math.min(taps.length, samples.length - start)
    out[j] = dot(taps, samples, start, first, last)
    whole += stepWhole
    phase += stepPhase
    if (phase >= up) {
      phase -= up
      whole++
    }
  }
  return out
}

/** Samples that a recording of `samples` has after {@link resample}. */
export function resampledLength(samples: number, from: number, to: number): number {
  const divisor = greatestCommonDivisor(from, to)
  return Math.ceil((samples * (to / divisor)) / (from / divisor))
}

/**
 * Input samples that the samples `start` to before `end` of a resampled recording depend on.
 *
 * @returns `from` and `to` of the input, which may reach beyond its ends, and the number that output sample `start` has when that part is resampled
 * alone: so resampled, it comes out the same to the last bit.
 */
export function resampleSpan(from: number, to: number, start: number, end: number) {
  if (from === to) return { from: start, to: end, start: 0 }
  const divisor = greatestCommonDivisor(from, to)
  const up = to / divisor
  const down = from / divisor
  const { reach } = filterBank(up, down)
  // A whole number of periods before, so that the output samples keep their places between input samples.
  const period = Math.max(0, Math.floor(start / up) - Math.ceil(reach / down))
  return { from: period * down, to: Math.floor(((end - 1) * down) / up) + reach + 1, start: start - period * up }
}

/** Sum of taps[k] * samples[start + k] for k from `first` to before `last`; a function of its own is optimised better. */
function dot(taps: Float64Array, samples: Float32Array, start: number, first: number, last: number): number {
  let sum = 0
  for (let k = first; k < last; k++) sum += taps[k]! * samples[start + k]!
  return sum
}

/** The filter for up / down, as one list of taps for each of the `up` places between two input samples. */
class FilterBank {
  /** Input samples that are weighed on each side of an output sample. */
  readonly reach: number
  private readonly cutoff: number
  private readonly phases = new Map<number, Float64Array>()

  constructor(
    private readonly up: number,
    down: number,
  ) {
    // Twice the cutoff frequency, in cycles per input sample.
    this.cutoff = rolloff * Math.min(1, up / down)
    this.reach = Math.ceil(zeroCrossings / this.cutoff)
  }

  phase(index: number): Float64Array {
    const known = this.phases.get(index)
    if (known !== undefined) return known
    const taps = this.design(index / this.up)
    if ((this.phases.size + 1) * taps.length <= mostCoefficients) this.phases.set(index, taps)
    return taps
  }

  /** Taps for an output sample that lies `fraction` of a sample after input sample `reach - 1`. */
  private design(fraction: number): Float64Array {
    const taps = new Float64Array(2 * this.reach)
    let sum = 0
    for (let k = 0; k < taps.length; k++) {
      const x = (k - this.reach + 1 - fraction) * this.cutoff
      const edge = x / zeroCrossings
      if (Math.abs(edge) >= 1) continue
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
      taps[k] = sinc * besselI0(beta * Math.sqrt(1 - edge * edge))
      sum += taps[k]!
    }
    for (let k = 0; k < taps.length; k++) taps[k]! /= sum
    return taps
  }
}

function filterBank(up: number, down: number): FilterBank {
  const key = `${up}/${down}`
  const bank = banks.get(key) ?? new FilterBank(up, down)
  // Keeps the map in the order of use, oldest first.
  banks.delete(key)
  banks.set(key, bank)
  if (banks.size > mostBanks) banks.delete(banks.keys().next().value!)
  return bank
}

/** Modified Bessel function of the first kind and order 0, by its power series. */
function besselI0(x: number): number {
  const quarter = (x * x) / 4
  let term = 1
  let sum = 1
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= quarter / (n * n)
    sum += term
  }
  return sum
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
