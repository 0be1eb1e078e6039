/// <reference path="./fft-js.d.ts" />
import FFT from 'fft.js'
import { ConfigError } from '../errors'

/** A planned Fourier transform of real frames of one length. Fill `input`, then ask for a spectrum; nothing is allocated. */
export interface RealFft {
  /** Samples of a frame. */
  readonly size: number
  /** Bins from 0 Hz to the Nyquist frequency: `floor(size / 2) + 1`. */
  readonly bins: number
  /** The frame, `size` values; what was left in it stays there. */
  readonly input: Float64Array
  /** Writes |X|² of each bin. */
  power(out: Float64Array): void
}

/** Longest transform, a bound against damaged configurations. */
const largestSize = 2 ** 20

/**
 * Plans a transform of any length: by fft.js where it is a power of two, else by Bluestein's chirp over fft.js.
 *
 * @param size Samples of a frame, from 2 to 2^20.
 * @throws ConfigError for other sizes.
 */
export function planRealFft(size: number): RealFft {
  if (!(Number.isInteger(size) && size >= 2 && size <= largestSize)) {
    throw new ConfigError(`a Fourier transform of ${size} samples is not possible.`, {
      field: 'fftSize',
      cure: `Use a whole number from 2 to ${largestSize}.`,
    })
  }
  return (size & (size - 1)) === 0 ? powerOfTwo(size) : bluestein(size)
}

/**
 * The frame's even samples are taken for real parts and its odd ones for imaginary parts of half as many complex numbers; the spectrum is
 * put together from that of those. Half the work of a complex transform of the whole length.
 */
function powerOfTwo(size: number): RealFft {
  if (size < 4) return bluestein(size)
  const half = size / 2
  const fft = new FFT(half)
  const input = new Float64Array(size)
  const z = new Float64Array(size)
  const cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size))
  const sin = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / size))
  return {
    size,
    bins: half + 1,
    input,
    power(out) {
      fft.transform(z, input)
      const re = z[0]!
      const im = z[1]!
      out[0] = (re + im) * (re + im)
      out[half] = (re - im) * (re - im)
      for (let k = 1; k < half; k++) {
        const a = z[2 * k]!
        const b = z[2 * k + 1]!
        const c = z[size - 2 * k]!
        const d = z[size - 2 * k + 1]!
        // The spectrum of the odd samples is turned by the one sample that they come later.
        const oddRe = b + d
        const oddIm = c - a
        const x = 0.5 * (a + c + cos[k]! * oddRe + sin[k]! * oddIm)
        const y = 0.5 * (b - d + cos[k]! * oddIm - sin[k]! * oddRe)
        out[k] = x * x + y * y
      }
    },
  }
}

/** A transform of length N as a convolution with a chirp, by transforms of a power of two of at least 2N - 1. */
function bluestein(size: number): RealFft {
  let long = 2
  while (long < 2 * size - 1) long *= 2
  const fft = new FFT(long)
  const chirp = new Float64Array(2 * size)
  const work = new Float64Array(2 * long)
  const product = new Float64Array(2 * long)
  for (let n = 0; n < size; n++) {
    // n² grows beyond what sine takes exactly; only its remainder matters.
    const angle = (Math.PI * ((n * n) % (2 * size))) / size
    chirp[2 * n] = Math.cos(angle)
    chirp[2 * n + 1] = -Math.sin(angle)
    for (const at of n === 0 ? [0] : [n, long - n]) {
      work[2 * at] = chirp[2 * n]!
      work[2 * at + 1] = -chirp[2 * n + 1]!
    }
  }
  const filter = new Float64Array(2 * long)
  fft.transform(filter, work)
  const input = new Float64Array(size)
  const bins = Math.floor(size / 2) + 1
  return {
    size,
    bins,
    input,
    power(out) {
      work.fill(0)
      for (let n = 0; n < size; n++) {
        work[2 * n] = input[n]! * chirp[2 * n]!
        work[2 * n + 1] = input[n]! * chirp[2 * n + 1]!
      }
      fft.transform(product, work)
      for (let k = 0; k < 2 * long; k += 2) {
        const [re, im] = [product[k]!, product[k + 1]!]
        work[k] = re * filter[k]! - im * filter[k + 1]!
        work[k + 1] = re * filter[k + 1]! + im * filter[k]!
      }
      fft.inverseTransform(product, work)
      // The final factor, a chirp of magnitude 1, does not change the power.
      squares(product, out, bins)
    },
  }
}

function squares(spectrum: Float64Array, out: Float64Array, bins: number): void {
  for (let k = 0; k < bins; k++) {
    const re = spectrum[2 * k]!
    const im = spectrum[2 * k + 1]!
    out[k] = re * re + im * im
  }
}
