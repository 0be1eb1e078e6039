import { ConfigError } from '../errors'
import type { HostRng } from '../random/index'
import { planRealFft } from './fft'
import { checkOption, samplesOf } from './waveform'
import { makeWindow, type WindowType } from './window'

/** How Kaldi cuts a waveform into windowed frames; names and defaults are Kaldi's. */
export interface KaldiFrameOptions {
  /** Hz. Default 16000. */
  readonly sampleRate?: number
  /** Length of a frame in milliseconds. Default 25. */
  readonly frameLengthMs?: number
  /** From frame to frame, in milliseconds. Default 10. */
  readonly frameShiftMs?: number
  /** Default `povey`. */
  readonly window?: WindowType
  /** Constant term of the `blackman` window. Default 0.42. */
  readonly blackmanCoefficient?: number
  /** Each sample less so much of the one before it, within a frame. Default 0.97. */
  readonly preemphasis?: number
  /** Take each frame's mean away. Default true. */
  readonly removeDcOffset?: boolean
  /**
   * True (the default): only frames that lie wholly within the waveform, none if it is shorter than a frame. False: one frame for every
   * shift, centred in it, with the waveform mirrored at its ends.
   */
  readonly snipEdges?: boolean
  /** Standard deviation of the normal noise added to each frame, in units of the full scale computed with. Default 0; Kaldi's is 1. */
  readonly dither?: number
  /** Transform frames padded to a power of two. Default true. */
  readonly roundToPowerOfTwo?: boolean
  /** Take the energy before preemphasis and window. Default true. */
  readonly rawEnergy?: boolean
  /** Floor of the energy; 0 for none. Default 1. */
  readonly energyFloor?: number
}

/** The least that a logarithm is taken of: the spacing of float32 at 1. */
export const kaldiEpsilon = 2 ** -23

/** Frames of one setting, with everything that can be worked out once. Its buffers are written over by each frame. */
export class KaldiFrames {
  readonly sampleRate: number
  readonly frameSamples: number
  readonly hopSamples: number
  readonly fftSize: number
  readonly dither: number
  readonly snipEdges: boolean
  /** |X|² of the frame that was analysed last, from 0 Hz to the Nyquist frequency. */
  readonly spectrum: Float64Array
  readonly #analyse: (rng: HostRng | undefined) => number
  readonly #frame: Float64Array

  constructor(options: KaldiFrameOptions) {
    const { sampleRate = 16_000, frameLengthMs = 25, frameShiftMs = 10, dither = 0, snipEdges = true } = options
    const { preemphasis = 0.97, energyFloor = 1, rawEnergy = true, removeDcOffset = true } = options
    checkOption(sampleRate >= 1, 'sampleRate', sampleRate, 'Use a positive number of Hz.')
    checkOption(preemphasis >= 0 && preemphasis <= 1, 'preemphasis', preemphasis, 'Use a number from 0 to 1.')
    checkOption(dither >= 0, 'dither', dither, 'Use 0 or a positive number.')
    checkOption(energyFloor >= 0, 'energyFloor', energyFloor, 'Use 0 or a positive number.')
    this.sampleRate = sampleRate
    this.dither = dither
    this.snipEdges = snipEdges
    this.frameSamples = samplesOf('frameLengthMs', frameLengthMs, sampleRate)
    this.hopSamples = samplesOf('frameShiftMs', frameShiftMs, sampleRate)
    const { frameSamples } = this
    checkOption(frameSamples >= 2, 'frameLengthMs', frameLengthMs, 'Use at least two samples.')
    const isPadded = options.roundToPowerOfTwo ?? true
    this.fftSize = isPadded ? 2 ** Math.ceil(Math.log2(frameSamples)) : frameSamples
    checkOption(this.fftSize % 2 === 0, 'frameLengthMs', frameLengthMs, 'Use an even number of samples.')
    const window = makeWindow(options.window ?? 'povey', frameSamples, options.blackmanCoefficient)
    const fft = planRealFft(this.fftSize)
    const frame = fft.input
    this.#frame = frame
    this.spectrum = new Float64Array(fft.bins)
    const { spectrum } = this
    const energy = () => {
      let sum = 0
      for (let i = 0; i < frameSamples; i++) sum += frame[i]! * frame[i]!
      return Math.log(Math.max(sum, kaldiEpsilon, energyFloor))
    }
    this.#analyse = (rng) => {
      if (rng !== undefined) for (let i = 0; i < frameSamples; i++) frame[i]! += dither * rng.normal()
      if (removeDcOffset) {
        let sum = 0
        for (let i = 0; i < frameSamples; i++) sum += frame[i]!
        const mean = sum / frameSamples
        for (let i = 0; i < frameSamples; i++) frame[i]! -= mean
      }
      const before = rawEnergy ? energy() : 0
      for (let i = frameSamples - 1; i > 0; i--) frame[i] = (frame[i]! - preemphasis * frame[i - 1]!) * window[i]!
      frame[0]! *= (1 - preemphasis) * window[0]!
      const logEnergy = rawEnergy ? before : energy()
      fft.power(spectrum)
      return logEnergy
    }
  }

  frameCount(samples: number): number {
    if (!this.snipEdges) return Math.floor((samples + Math.floor(this.hopSamples / 2)) / this.hopSamples)
    return samples < this.frameSamples ? 0 : 1 + Math.floor((samples - this.frameSamples) / this.hopSamples)
  }

  /** Fills `spectrum` frame by frame and hands each frame's number and log energy on. */
  forEach(waveform: Float32Array, rng: HostRng | undefined, use: (frame: number, logEnergy: number) => void): void {
    if (this.dither > 0 && rng === undefined) {
      throw new ConfigError('dither needs random numbers.', {
        field: 'rng',
        cure: "Give extract() an `rng`, for example new HostRng(seed, 'dither', epoch, clip).",
      })
    }
    const frames = this.frameCount(waveform.length)
    const { frameSamples, hopSamples } = this
    const before = this.snipEdges ? 0 : Math.floor(frameSamples / 2) - Math.floor(hopSamples / 2)
    for (let frame = 0; frame < frames; frame++) {
      this.#fill(waveform, frame * hopSamples - before)
      use(frame, this.#analyse(this.dither > 0 ? rng : undefined))
    }
  }

  #fill(waveform: Float32Array, start: number): void {
    const { frameSamples } = this
    const frame = this.#frame
    const length = waveform.length
    if (start >= 0 && start + frameSamples <= length) {
      for (let i = 0; i < frameSamples; i++) frame[i] = waveform[start + i]!
      return
    }
    for (let i = 0; i < frameSamples; i++) {
      // Mirrored with its edge samples repeated, as often as a short waveform needs.
      const place = (((start + i) % (2 * length)) + 2 * length) % (2 * length)
      frame[i] = waveform[place < length ? place : 2 * length - 1 - place]!
    }
  }
}
