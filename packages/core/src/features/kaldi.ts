import { planCepstrum } from './cepstrum'
import type { FeatureFrames, FrontEnd } from './feature-frames'
import { type KaldiFrameOptions, KaldiFrames, kaldiEpsilon } from './kaldi-frames'
import { applyFilters, kaldiMelFilters } from './mel'
import { checkOption, type FullScale, prepareWaveform } from './waveform'

export interface KaldiFbankOptions extends KaldiFrameOptions {
  /** Mel filters. Default 23. */
  readonly melBins?: number
  /** Lower edge of the filters in Hz. Default 20. */
  readonly lowHz?: number
  /** Upper edge of the filters in Hz; 0 or less counts from the Nyquist frequency. Default 0. */
  readonly highHz?: number
  /** Full scale of the samples computed with. Default 32768, as Kaldi reads files; torchaudio's users often pass floats: 1. */
  readonly fullScale?: FullScale
  /** Sum squared magnitudes (true, the default) or magnitudes. */
  readonly usePower?: boolean
  /** Take the natural logarithm, not below that of 2^-23. Default true. */
  readonly useLog?: boolean
  /** Add the log energy as a first column. Default false. */
  readonly useEnergy?: boolean
  /** Put the energy (or C0 of MFCC, times the square root of 2) last, as HTK does. Default false. */
  readonly htkCompat?: boolean
  /** Take each column's mean over the recording away. Default false. */
  readonly subtractMean?: boolean
}

export interface KaldiMfccOptions extends Omit<KaldiFbankOptions, 'useLog' | 'usePower'> {
  /** Cepstral coefficients, C0 included. Default 13. */
  readonly coefficients?: number
  /** Coefficient i is weighed by 1 + lifter / 2 · sin(π i / lifter); 0 for none. Default 22. */
  readonly cepstralLifter?: number
  /** C0 is replaced by the log energy. Default false, as torchaudio's (Kaldi's own program has true). */
  readonly useEnergy?: boolean
}

/**
 * Log mel filterbank energies as Kaldi's `compute-fbank-feats`, torchaudio's `compliance.kaldi.fbank` and kaldi-native-fbank make them,
 * dither off by default. `dim` is `melBins`, one more with `useEnergy`.
 *
 * @throws ConfigError for settings out of range.
 */
export function kaldiFbank(options: KaldiFbankOptions = {}): FrontEnd {
  const { useEnergy = false, htkCompat = false, useLog = true, subtractMean = false } = options
  const { frames, energies, melBins, fullScale } = planMelEnergies(options)
  const dim = melBins + (useEnergy ? 1 : 0)
  const firstBin = useEnergy && !htkCompat ? 1 : 0
  return {
    ...describe('fbank', dim, frames, fullScale),
    extract(samples, context = {}) {
      const waveform = prepareWaveform(samples, fullScale, frames.sampleRate, context)
      const result = emptyFrames(frames.frameCount(waveform.length), dim)
      const { data } = result
      frames.forEach(waveform, context.rng, (frame, logEnergy) => {
        const mel = energies()
        const at = frame * dim
        for (let bin = 0; bin < melBins; bin++) {
          data[at + firstBin + bin] = useLog ? Math.log(Math.max(mel[bin]!, kaldiEpsilon)) : mel[bin]!
        }
        if (useEnergy) data[at + (htkCompat ? melBins : 0)] = logEnergy
      })
      if (subtractMean) subtractColumnMeans(result)
      return result
    },
  }
}

/**
 * Mel-frequency cepstral coefficients as Kaldi's `compute-mfcc-feats` and torchaudio's `compliance.kaldi.mfcc` make them. `dim` is
 * `coefficients`.
 *
 * @throws ConfigError for settings out of range.
 */
export function kaldiMfcc(options: KaldiMfccOptions = {}): FrontEnd {
  const { coefficients = 13, cepstralLifter = 22, useEnergy = false, htkCompat = false, subtractMean = false } = options
  const { frames, energies, melBins, fullScale } = planMelEnergies(options)
  const isInRange = Number.isInteger(coefficients) && coefficients >= 1 && coefficients <= melBins
  checkOption(isInRange, 'coefficients', coefficients, `Use 1 to ${melBins}, the number of mel filters.`)
  checkOption(cepstralLifter >= 0, 'cepstralLifter', cepstralLifter, 'Use 0 or a positive number.')
  const cepstrum = planCepstrum(melBins, coefficients, cepstralLifter)
  const row = new Float64Array(coefficients)
  return {
    ...describe('mfcc', coefficients, frames, fullScale),
    extract(samples, context = {}) {
      const waveform = prepareWaveform(samples, fullScale, frames.sampleRate, context)
      const result = emptyFrames(frames.frameCount(waveform.length), coefficients)
      const { data } = result
      frames.forEach(waveform, context.rng, (frame, logEnergy) => {
        const mel = energies()
        for (let bin = 0; bin < melBins; bin++) mel[bin] = Math.log(Math.max(mel[bin]!, kaldiEpsilon))
        cepstrum(mel, row)
        if (useEnergy) row[0] = logEnergy
        const at = frame * coefficients
        if (!htkCompat) data.set(row, at)
        else {
          data.set(row.subarray(1), at)
          data[at + coefficients - 1] = useEnergy ? row[0]! : row[0]! * Math.SQRT2
        }
      })
      if (subtractMean) subtractColumnMeans(result)
      return result
    },
  }
}

/** The mel energies of the frame that was analysed last. */
function planMelEnergies(options: KaldiFbankOptions) {
  const { melBins = 23, lowHz = 20, highHz = 0, fullScale = 32768, usePower = true } = options
  const frames = new KaldiFrames(options)
  const { fftSize, sampleRate, spectrum } = frames
  const bank = kaldiMelFilters({
    filters: melBins,
    fftSize,
    sampleRate,
    lowHz,
    highHz: highHz > 0 ? highHz : sampleRate / 2 + highHz,
  })
  const mel = new Float64Array(melBins)
  const energies = () => {
    if (!usePower) for (let bin = 0; bin < spectrum.length; bin++) spectrum[bin] = Math.sqrt(spectrum[bin]!)
    applyFilters(bank, spectrum, mel)
    return mel
  }
  return { frames, energies, melBins, fullScale }
}

const describe = (kind: string, dim: number, frames: KaldiFrames, fullScale: FullScale) => ({
  name: `kaldi-${kind}${dim}${fullScale === 1 ? '-float' : ''}`,
  dim,
  sampleRate: frames.sampleRate,
  hopSamples: frames.hopSamples,
  frameCount: (samples: number) => frames.frameCount(samples),
})

const emptyFrames = (frames: number, dim: number): FeatureFrames => ({
  data: new Float32Array(frames * dim),
  frames,
  dim,
})

function subtractColumnMeans({ data, frames, dim }: FeatureFrames): void {
  for (let column = 0; column < dim; column++) {
    let sum = 0
    for (let at = column; at < data.length; at += dim) sum += data[at]!
    for (let at = column; at < data.length; at += dim) data[at]! -= sum / frames
  }
}
