import type { FrontEnd } from './feature-frames'
import { planRealFft } from './fft'
import { applyFilters, type MelScale, triangularMelFilters } from './mel'
import { checkOption, type FullScale, prepareWaveform } from './waveform'
import { makeWindow, type WindowType } from './window'

export interface LogMelOptions {
  /** Hz. Default 16000. */
  readonly sampleRate?: number
  /** Length of the transform in samples. Default 1024. */
  readonly fftSize?: number
  /** Length of the window in samples, centred in the transform's frame. Default `fftSize`. */
  readonly windowSamples?: number
  /** From frame to frame, in samples. Default 256. */
  readonly hopSamples?: number
  /** Default `periodic-hann`. */
  readonly window?: WindowType
  /** Frames are centred at multiples of the hop, with the waveform continued at its ends (true, the default), or begin there. */
  readonly center?: boolean
  /** How a centred waveform is continued: mirrored without its edge sample (the default), or with zeros. */
  readonly padMode?: 'reflect' | 'constant'
  /** Exponent of the magnitudes: 1 (the default) or 2. */
  readonly power?: 1 | 2
  /** Mel filters. Default 80. */
  readonly melBins?: number
  /** Lower edge of the filters in Hz. Default 0. */
  readonly lowHz?: number
  /** Upper edge of the filters in Hz. Default: the Nyquist frequency. */
  readonly highHz?: number
  /** Default `slaney`. */
  readonly melScale?: MelScale
  /** Whether filters have an area of 1 (`slaney`, the default) or a height of 1 (`none`). */
  readonly melNorm?: 'slaney' | 'none'
  /** Base of the logarithm. Default `log10`. */
  readonly log?: 'log10' | 'ln'
  /** The least that a logarithm is taken of. Default 1e-10. */
  readonly floor?: number
  /** Default 1. */
  readonly fullScale?: FullScale
}

/**
 * A log mel spectrogram as librosa's `melspectrogram` or torchaudio's `MelSpectrogram` with a logarithm: short-time transform, magnitudes to
 * a power, triangular filters, floor, logarithm. Without `center`, a waveform shorter than a frame gives none.
 *
 * @throws ConfigError for settings out of range.
 */
export function logMel(options: LogMelOptions = {}): FrontEnd {
  const { sampleRate = 16_000, fftSize = 1024, windowSamples = fftSize, hopSamples = 256, melBins = 80 } = options
  const { center = true, padMode = 'reflect', power = 1, lowHz = 0, highHz = sampleRate / 2 } = options
  const { melScale = 'slaney', melNorm = 'slaney', log = 'log10', floor = 1e-10, fullScale = 1 } = options
  checkOption(sampleRate >= 1, 'sampleRate', sampleRate, 'Use a positive number of Hz.')
  checkOption(Number.isInteger(hopSamples) && hopSamples >= 1, 'hopSamples', hopSamples, 'Use a whole number from 1.')
  checkOption(floor > 0, 'floor', floor, 'Use a positive number.')
  const fft = planRealFft(fftSize)
  const isWindow = Number.isInteger(windowSamples) && windowSamples >= 1 && windowSamples <= fftSize
  checkOption(isWindow, 'windowSamples', windowSamples, `Use a whole number from 1 to ${fftSize}.`)
  const bank = triangularMelFilters(
    { filters: melBins, fftSize, sampleRate, lowHz, highHz },
    melScale,
    melNorm === 'slaney',
  )
  const window = new Float64Array(fftSize)
  window.set(makeWindow(options.window ?? 'periodic-hann', windowSamples), Math.floor((fftSize - windowSamples) / 2))
  const spectrum = new Float64Array(fft.bins)
  const mel = new Float64Array(melBins)
  const before = center ? Math.floor(fftSize / 2) : 0
  const logarithm = log === 'log10' ? Math.log10 : Math.log
  const frameCount = (samples: number) => {
    if (center) return 1 + Math.floor((samples + 2 * before - fftSize) / hopSamples)
    return samples < fftSize ? 0 : 1 + Math.floor((samples - fftSize) / hopSamples)
  }
  return {
    name: `logmel${melBins}-${fftSize}-${hopSamples}`,
    dim: melBins,
    sampleRate,
    hopSamples,
    frameCount,
    extract(samples, context = {}) {
      const waveform = prepareWaveform(samples, fullScale, sampleRate, context)
      const frames = frameCount(waveform.length)
      const data = new Float32Array(frames * melBins)
      for (let frame = 0; frame < frames; frame++) {
        const start = frame * hopSamples - before
        const isInside = start >= 0 && start + fftSize <= waveform.length
        for (let i = 0; i < fftSize; i++) {
          const sample = isInside ? waveform[start + i]! : continued(waveform, start + i, padMode)
          fft.input[i] = sample * window[i]!
        }
        fft.power(spectrum)
        if (power === 1) for (let bin = 0; bin < spectrum.length; bin++) spectrum[bin] = Math.sqrt(spectrum[bin]!)
        applyFilters(bank, spectrum, mel)
        for (let bin = 0; bin < melBins; bin++) data[frame * melBins + bin] = logarithm(Math.max(floor, mel[bin]!))
      }
      return { data, frames, dim: melBins }
    },
  }
}

/** A sample beyond the ends too. A waveform shorter than what is mirrored is mirrored again. */
function continued(waveform: Float32Array, at: number, padMode: 'reflect' | 'constant'): number {
  const last = waveform.length - 1
  if (at >= 0 && at <= last) return waveform[at]!
  if (padMode === 'constant') return 0
  if (last === 0) return waveform[0]!
  const place = ((at % (2 * last)) + 2 * last) % (2 * last)
  return waveform[place <= last ? place : 2 * last - place]!
}
