import { ConfigError } from '../errors'
import type { IndexedImage } from './png'

export interface SpectrogramOptions {
  /** Hz of the waveform. Default 16000. */
  readonly sampleRate?: number
  /** Seconds under one Hann window. Default 0.025. */
  readonly windowSeconds?: number
  /** Seconds from one window to the next. Default 0.005. */
  readonly shiftSeconds?: number
  /** Highest frequency kept, in Hz. Default: half the sample rate. */
  readonly maxFrequency?: number
}

/** Power over time and frequency. */
export interface Spectrogram {
  /** dB; `[frames, bins]`, frequencies rising. Silence is -100. */
  readonly decibels: Float32Array
  readonly frames: number
  readonly bins: number
  /** Hz from one bin to the next. */
  readonly binHz: number
  readonly seconds: number
}

const floor = -100

/** Discrete Fourier transform in place (radix 2, decimation in time), of a power of two of complex numbers. */
export const fft = (real: Float64Array, imaginary: Float64Array): void => {
  const size = real.length
  for (let index = 1, reversed = 0; index < size; index++) {
    let bit = size >> 1
    for (; reversed & bit; bit >>= 1) reversed ^= bit
    reversed ^= bit
    if (index < reversed) {
      ;[real[index], real[reversed]] = [real[reversed]!, real[index]!]
      ;[imaginary[index], imaginary[reversed]] = [imaginary[reversed]!, imaginary[index]!]
    }
  }
  for (let span = 1; span < size; span *= 2) {
    for (let offset = 0; offset < span; offset++) {
      const angle = (-Math.PI * offset) / span
      const cosine = Math.cos(angle)
      const sine = Math.sin(angle)
      for (let even = offset; even < size; even += 2 * span) {
        const odd = even + span
        const re = real[odd]! * cosine - imaginary[odd]! * sine
        const im = real[odd]! * sine + imaginary[odd]! * cosine
        real[odd] = real[even]! - re
        imaginary[odd] = imaginary[even]! - im
        real[even] = real[even]! + re
        imaginary[even] = imaginary[even]! + im
      }
    }
  }
}

/**
 * Short-time power spectrum of a waveform, for looking at. The ends are padded with silence, so that windows are centred on
 * multiples of the shift.
 *
 * @throws ConfigError for a window or shift below one sample.
 */
export const spectrogram = (waveform: Float32Array, options: SpectrogramOptions = {}): Spectrogram => {
  const { sampleRate = 16000, windowSeconds = 0.025, shiftSeconds = 0.005 } = options
  const window = Math.round(windowSeconds * sampleRate)
  const shift = Math.round(shiftSeconds * sampleRate)
  if (!(window >= 2 && shift >= 1)) {
    throw new ConfigError(`a window of ${window} samples with a shift of ${shift} cannot be used.`, {
      field: 'windowSeconds',
    })
  }
  const size = 2 ** Math.ceil(Math.log2(window))
  const binHz = sampleRate / size
  const bins = Math.min(size / 2, Math.floor((options.maxFrequency ?? sampleRate / 2) / binHz)) + 1
  const frames = Math.floor(waveform.length / shift) + 1
  const decibels = new Float32Array(frames * bins)
  const hann = Float64Array.from(
    { length: window },
    (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / window),
  )
  const gain = 2 / hann.reduce((sum, value) => sum + value, 0)
  for (let frame = 0; frame < frames; frame++) {
    const real = new Float64Array(size)
    const imaginary = new Float64Array(size)
    const start = frame * shift - Math.floor(window / 2)
    for (let index = 0; index < window; index++) {
      const sample = waveform[start + index] ?? 0
      real[index] = Number.isFinite(sample) ? sample * hann[index]! : 0
    }
    fft(real, imaginary)
    for (let bin = 0; bin < bins; bin++) {
      const power = (real[bin]! ** 2 + imaginary[bin]! ** 2) * gain ** 2
      decibels[frame * bins + bin] = power > 0 ? Math.max(floor, 10 * Math.log10(power)) : floor
    }
  }
  return { decibels, frames, bins, binHz, seconds: waveform.length / sampleRate }
}

/** Stops of the colour scale, from the quietest to the loudest: dark blue, violet, orange, pale yellow. */
const stops = [
  [10, 8, 32],
  [44, 20, 92],
  [112, 32, 122],
  [186, 54, 96],
  [238, 106, 54],
  [252, 176, 64],
  [253, 240, 176],
] as const

/** 256 colours of rising lightness. */
export const heatPalette = (): Uint8Array => {
  const palette = new Uint8Array(768)
  for (let index = 0; index < 256; index++) {
    const place = (index / 255) * (stops.length - 1)
    const below = Math.min(stops.length - 2, Math.floor(place))
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [stops[below]![channel]!, stops[below + 1]![channel]!]
      palette[3 * index + channel] = Math.round(from + (to - from) * (place - below))
    }
  }
  return palette
}

/** A spectrogram as an image, low frequencies at the bottom, one pixel a frame and bin; `range` dB below its loudest are dark. */
export const spectrogramImage = ({ decibels, frames, bins }: Spectrogram, range = 60): IndexedImage => {
  const loudest = decibels.reduce((most, value) => Math.max(most, value), floor)
  const pixels = new Uint8Array(frames * bins)
  for (let frame = 0; frame < frames; frame++) {
    for (let bin = 0; bin < bins; bin++) {
      const level = (decibels[frame * bins + bin]! - loudest + range) / range
      // Silence throughout has no loudest part.
      const shown = loudest <= floor ? 0 : Math.min(1, Math.max(0, level))
      pixels[(bins - 1 - bin) * frames + frame] = Math.round(shown * 255)
    }
  }
  return { width: frames, height: bins, pixels, palette: heatPalette() }
}
