import type { HostRng } from '../random/index'

/** Features of one recording: `frames` rows of `dim` numbers. */
export interface FeatureFrames {
  /** `[frames, dim]`, row by row. */
  readonly data: Float32Array
  readonly frames: number
  readonly dim: number
}

/** A mono waveform: floats with full scale [-1, 1], or 16-bit integers with full scale ±32768. */
export type Samples = Float32Array | Int16Array

export interface ExtractContext {
  /** Hz of the waveform; checked against the front end's where given. */
  readonly sampleRate?: number
  /** Named in errors. */
  readonly file?: string
  /** Where dither comes from, for example `new HostRng(seed, 'dither', epoch, clip)`; needed by front ends with dither. */
  readonly rng?: HostRng
}

/** Makes the waveform of one recording into frames of features: a pure function of the samples (and, with dither, of the generator). */
export interface FrontEnd {
  /** Kind of the features, for logs and file names; it does not tell every setting. */
  readonly name: string
  /** Numbers of a frame. */
  readonly dim: number
  /** Hz of the waveforms it takes. */
  readonly sampleRate: number
  /** Samples from the start of one frame to the start of the next. */
  readonly hopSamples: number
  /** Frames that a waveform of so many samples gives. */
  frameCount(samples: number): number
  /**
   * @throws AudioError for an empty waveform, samples that are not finite, or another sampling rate, naming `context.file`.
   */
  extract(samples: Samples, context?: ExtractContext): FeatureFrames
}
