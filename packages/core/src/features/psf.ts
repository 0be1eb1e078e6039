import { planCepstrum } from './cepstrum'
import type { FrontEnd } from './feature-frames'
import { planRealFft } from './fft'
import { applyFilters, wholeBinMelFilters } from './mel'
import { checkOption, type FullScale, prepareWaveform } from './waveform'
import { makeWindow, type WindowType } from './window'

export interface PsfFbankOptions {
  /** Hz. Default 16000. */
  readonly sampleRate?: number
  /** Length of a frame in milliseconds. Default 25. */
  readonly frameLengthMs?: number
  /** From frame to frame, in milliseconds. Default 10. */
  readonly frameShiftMs?: number
  /** Mel filters. Default 26. */
  readonly melBins?: number
  /** Length of the transform; frames are padded, or cut where they are longer. Default: 512 for filterbanks, the next power of two for MFCC. */
  readonly fftSize?: number
  /** Lower edge of the filters in Hz. Default 0. */
  readonly lowHz?: number
  /** Upper edge of the filters in Hz. Default: the Nyquist frequency. */
  readonly highHz?: number
  /** Each sample less so much of the one before it, over the whole waveform. Default 0.97. */
  readonly preemphasis?: number
  /** Default `rectangular`. */
  readonly window?: WindowType
  /** Full scale of the samples computed with. Default 32768: the library is used on 16-bit integers. */
  readonly fullScale?: FullScale
}

export interface PsfMfccOptions extends PsfFbankOptions {
  /** Cepstral coefficients. Default 13. */
  readonly coefficients?: number
  /** Default 22; 0 for none. */
  readonly cepstralLifter?: number
  /** The first coefficient is replaced by the log energy of the frame. Default true. */
  readonly appendEnergy?: boolean
}

/** What stands in for a zero before the logarithm: the spacing of float64 at 1, so that silence gives -36.04. */
const epsilon = 2 ** -52

/**
 * Log filterbank energies as python_speech_features' `logfbank`: frames of 25 ms every 10 ms, the last one padded with zeros, power
 * spectrum over 512 points, 26 triangular filters between whole bins, natural logarithm. It has one frame more than Kaldi's for a
 * recording of whole hops.
 */
export function psfLogFbank(options: PsfFbankOptions = {}): FrontEnd {
  const plan = planPsf(options, options.fftSize ?? 512)
  return plan.frontEnd('logfbank', plan.melBins, (logMel, _energy, out) => out.set(logMel))
}

/** Cepstral coefficients as python_speech_features' `mfcc`: those filterbanks, orthonormal DCT, lifter, log energy for C0. */
export function psfMfcc(options: PsfMfccOptions = {}): FrontEnd {
  const {
    coefficients = 13,
    cepstralLifter = 22,
    appendEnergy = true,
    sampleRate = 16_000,
    frameLengthMs = 25,
  } = options
  let fftSize = 1
  while (fftSize < (frameLengthMs * sampleRate) / 1000) fftSize *= 2
  const plan = planPsf(options, options.fftSize ?? fftSize)
  const isInRange = Number.isInteger(coefficients) && coefficients >= 1 && coefficients <= plan.melBins
  checkOption(isInRange, 'coefficients', coefficients, `Use 1 to ${plan.melBins}, the number of mel filters.`)
  checkOption(cepstralLifter >= 0, 'cepstralLifter', cepstralLifter, 'Use 0 or a positive number.')
  const cepstrum = planCepstrum(plan.melBins, coefficients, cepstralLifter)
  const row = new Float64Array(coefficients)
  return plan.frontEnd('mfcc', coefficients, (logMel, energy, out) => {
    cepstrum(logMel, row)
    if (appendEnergy) row[0] = logOf(energy)
    out.set(row)
  })
}

const logOf = (energy: number) => Math.log(energy === 0 ? epsilon : energy)

function planPsf(options: PsfFbankOptions, fftSize: number) {
  const { sampleRate = 16_000, frameLengthMs = 25, frameShiftMs = 10, melBins = 26 } = options
  const { lowHz = 0, highHz = sampleRate / 2, preemphasis = 0.97, fullScale = 32768 } = options
  checkOption(sampleRate >= 1, 'sampleRate', sampleRate, 'Use a positive number of Hz.')
  const frameSamples = roundHalfUp('frameLengthMs', frameLengthMs, sampleRate)
  const hopSamples = roundHalfUp('frameShiftMs', frameShiftMs, sampleRate)
  const fft = planRealFft(fftSize)
  const bank = wholeBinMelFilters({ filters: melBins, fftSize, sampleRate, lowHz, highHz })
  const window = makeWindow(options.window ?? 'rectangular', frameSamples)
  const spectrum = new Float64Array(fft.bins)
  const mel = new Float64Array(melBins)
  const used = Math.min(frameSamples, fftSize)
  const frameCount = (samples: number) =>
    samples <= frameSamples ? 1 : 1 + Math.ceil((samples - frameSamples) / hopSamples)

  const frontEnd = (
    kind: string,
    dim: number,
    write: (logMel: Float64Array, energy: number, out: Float32Array) => void,
  ): FrontEnd => ({
    name: `psf-${kind}${dim}${fullScale === 1 ? '-float' : ''}`,
    dim,
    sampleRate,
    hopSamples,
    frameCount,
    extract(samples, context = {}) {
      const waveform = prepareWaveform(samples, fullScale, sampleRate, context)
      const frames = frameCount(waveform.length)
      const data = new Float32Array(frames * dim)
      for (let frame = 0; frame < frames; frame++) {
        const start = frame * hopSamples
        const held = Math.min(used, waveform.length - start)
        for (let i = 0; i < held; i++) {
          const at = start + i
          const emphasised = at === 0 ? waveform[0]! : waveform[at]! - preemphasis * waveform[at - 1]!
          fft.input[i] = emphasised * window[i]!
        }
        fft.input.fill(0, held)
        fft.power(spectrum)
        let energy = 0
        for (let bin = 0; bin < spectrum.length; bin++) {
          spectrum[bin]! /= fftSize
          energy += spectrum[bin]!
        }
        applyFilters(bank, spectrum, mel)
        for (let bin = 0; bin < melBins; bin++) mel[bin] = logOf(mel[bin]!)
        write(mel, energy, data.subarray(frame * dim, (frame + 1) * dim))
      }
      return { data, frames, dim }
    },
  })
  return { melBins, frontEnd }
}

function roundHalfUp(field: string, milliseconds: number, sampleRate: number): number {
  const samples = Math.floor((milliseconds * sampleRate) / 1000 + 0.5)
  checkOption(
    samples >= 1 && samples <= 2 ** 20,
    field,
    milliseconds,
    'Use a duration from one sample to 2^20 samples.',
  )
  return samples
}
