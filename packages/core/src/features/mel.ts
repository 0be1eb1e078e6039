import { checkOption } from './waveform'

/** Formulas of the mel scale: HTK's (also Kaldi's and python_speech_features'), or that of Slaney's Auditory Toolbox (librosa's default). */
export type MelScale = 'htk' | 'slaney'

/** Weighted sums over a spectrum's bins, one a filter. Filters are short runs of bins, so only those are kept. */
export interface FilterBank {
  readonly filters: number
  /** First bin of each filter. */
  readonly starts: Int32Array
  /** Where each filter's weights begin in `weights`; one more entry than there are filters. */
  readonly offsets: Int32Array
  readonly weights: Float64Array
}

const slaneyLinearEnd = 1000
const slaneyMelsPerHz = 3 / 200
const slaneyLogStep = Math.log(6.4) / 27

export function hzToMel(hz: number, scale: MelScale): number {
  if (scale === 'htk') return 1127 * Math.log1p(hz / 700)
  const linear = hz * slaneyMelsPerHz
  return hz < slaneyLinearEnd ? linear : 15 + Math.log(hz / slaneyLinearEnd) / slaneyLogStep
}

export function melToHz(mel: number, scale: MelScale): number {
  if (scale === 'htk') return 700 * Math.expm1(mel / 1127)
  return mel < 15 ? mel / slaneyMelsPerHz : slaneyLinearEnd * Math.exp(slaneyLogStep * (mel - 15))
}

export interface MelOptions {
  readonly filters: number
  readonly fftSize: number
  readonly sampleRate: number
  /** Lower edge of the first filter in Hz. */
  readonly lowHz: number
  /** Upper edge of the last filter in Hz. */
  readonly highHz: number
}

/** Refuses a frequency range that is empty or goes beyond the Nyquist frequency. */
export function checkMelOptions({ filters, sampleRate, lowHz, highHz }: MelOptions): void {
  const nyquist = sampleRate / 2
  checkOption(
    Number.isInteger(filters) && filters >= 1 && filters <= 4096,
    'melBins',
    filters,
    'Use 1 to 4096 filters.',
  )
  checkOption(lowHz >= 0 && lowHz < nyquist, 'lowHz', lowHz, `Use 0 to less than ${nyquist} Hz.`)
  checkOption(
    highHz > lowHz && highHz <= nyquist,
    'highHz',
    highHz,
    `Use more than ${lowHz} and at most ${nyquist} Hz.`,
  )
}

/** Kaldi's filters: triangles on the mel axis, evaluated at the bins below the Nyquist frequency. */
export function kaldiMelFilters(options: MelOptions): FilterBank {
  checkMelOptions(options)
  const { filters, fftSize, sampleRate, lowHz, highHz } = options
  const low = hzToMel(lowHz, 'htk')
  const step = (hzToMel(highHz, 'htk') - low) / (filters + 1)
  const mels = Float64Array.from({ length: fftSize / 2 }, (_, bin) => hzToMel((bin * sampleRate) / fftSize, 'htk'))
  return makeFilterBank(filters, mels.length, (filter, bin) => {
    const position = (mels[bin]! - low) / step - filter
    return Math.min(position, 2 - position)
  })
}

/**
 * Triangles on the frequency axis between points that are equally far apart on the mel axis (librosa's and torchaudio's way). With
 * `normalise`, each has an area of 1 (Slaney's normalisation).
 */
export function triangularMelFilters(options: MelOptions, scale: MelScale, normalise: boolean): FilterBank {
  checkMelOptions(options)
  const { filters, fftSize, sampleRate, lowHz, highHz } = options
  const low = hzToMel(lowHz, scale)
  const step = (hzToMel(highHz, scale) - low) / (filters + 1)
  const edges = Float64Array.from({ length: filters + 2 }, (_, i) => melToHz(low + i * step, scale))
  return makeFilterBank(filters, Math.floor(fftSize / 2) + 1, (filter, bin) => {
    const hz = (bin * sampleRate) / fftSize
    const [left, centre, right] = [edges[filter]!, edges[filter + 1]!, edges[filter + 2]!]
    const height = Math.min((hz - left) / (centre - left), (right - hz) / (right - centre))
    return normalise ? (height * 2) / (right - left) : height
  })
}

/** python_speech_features' filters: triangles between whole bins, which makes low ones coarse. */
export function wholeBinMelFilters(options: MelOptions): FilterBank {
  checkMelOptions(options)
  const { filters, fftSize, sampleRate, lowHz, highHz } = options
  // Its own constants: 2595 log10, which differs from 1127 ln in the sixth digit and may decide a rounding.
  const toMel = (hz: number) => 2595 * Math.log10(1 + hz / 700)
  const toHz = (mel: number) => 700 * (10 ** (mel / 2595) - 1)
  const [low, high] = [toMel(lowHz), toMel(highHz)]
  const edges = Float64Array.from({ length: filters + 2 }, (_, i) =>
    Math.floor(((fftSize + 1) * toHz(low + (i * (high - low)) / (filters + 1))) / sampleRate),
  )
  return makeFilterBank(filters, Math.floor(fftSize / 2) + 1, (filter, bin) => {
    const [left, centre, right] = [edges[filter]!, edges[filter + 1]!, edges[filter + 2]!]
    if (bin >= left && bin < centre) return (bin - left) / (centre - left)
    return bin >= centre && bin < right ? (right - bin) / (right - centre) : 0
  })
}

/** @param weight Of a bin in a filter; what is not positive is left out. */
function makeFilterBank(filters: number, bins: number, weight: (filter: number, bin: number) => number): FilterBank {
  const starts = new Int32Array(filters)
  const offsets = new Int32Array(filters + 1)
  const weights: number[] = []
  for (let filter = 0; filter < filters; filter++) {
    let [first, last] = [-1, -2]
    for (let bin = 0; bin < bins; bin++) {
      if (!(weight(filter, bin) > 0)) continue
      if (first < 0) first = bin
      last = bin
    }
    starts[filter] = Math.max(0, first)
    for (let bin = first; bin <= last; bin++) weights.push(Math.max(0, weight(filter, bin)))
    offsets[filter + 1] = weights.length
  }
  return { filters, starts, offsets, weights: Float64Array.from(weights) }
}

/** Writes each filter's sum over the spectrum. A filter without bins gives 0. */
export function applyFilters(bank: FilterBank, spectrum: Float64Array, out: Float64Array): void {
  const { filters, starts, offsets, weights } = bank
  for (let filter = 0; filter < filters; filter++) {
    const [from, to] = [offsets[filter]!, offsets[filter + 1]!]
    let sum = 0
    for (let i = from, bin = starts[filter]!; i < to; i++, bin++) sum += weights[i]! * spectrum[bin]!
    out[filter] = sum
  }
}
