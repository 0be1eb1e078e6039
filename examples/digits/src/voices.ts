import { HostRng, resample } from '@babble/core'
import type { DigitRecording } from '@babble/example-common'
import { normalizeWaveform } from '@babble/wav2vec2'

/** How much a training example may be changed. */
export interface Augmentation {
  /** Factors of tempo and pitch, of which one is drawn. */
  readonly speeds: readonly number[]
  /** Largest weight of the sample before in a random one-tap filter, which makes a voice duller or sharper. */
  readonly tilt: number
  /** Least and most signal-to-noise ratio of the white noise added, in dB. */
  readonly signalToNoise: readonly [number, number]
}

export const noAugmentation: Augmentation = {
  speeds: [1],
  tilt: 0,
  signalToNoise: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
}

/** Gives recordings at other tempos and pitches, each computed once and of zero mean and unit variance. */
export class Voices {
  readonly #known = new Map<string, Float32Array>()

  constructor(
    readonly recordings: readonly DigitRecording[],
    readonly sampleRate: number,
  ) {}

  /** Recording `index`, `speed` times as fast and as high. */
  at(index: number, speed: number): Float32Array {
    const key = `${index} ${speed}`
    let waveform = this.#known.get(key)
    if (!waveform) {
      // Rates only matter by their ratio.
      const original = this.recordings[index]!.waveform
      waveform = normalizeWaveform(speed === 1 ? original : resample(original, Math.round(100 * speed), 100))
      this.#known.set(key, waveform)
    }
    return waveform
  }
}

/** Some seconds of white noise of unit variance, of which each example gets a random stretch. */
const noise = (() => {
  const rng = new HostRng(0, 'white noise')
  return Float32Array.from({ length: 2 ** 17 }, () => rng.normal())
})()

/** Filters and adds noise, in place, to a waveform of unit variance. */
export const colour = (
  waveform: Float32Array,
  rng: HostRng,
  { tilt, signalToNoise: [least, most] }: Augmentation,
): void => {
  const weight = tilt * (2 * rng.uniform() - 1)
  const level = Number.isFinite(most) ? 10 ** (-(least + (most - least) * rng.uniform()) / 20) : 0
  const start = rng.int(noise.length)
  for (let i = waveform.length - 1; i >= 0; i--) {
    const before = i > 0 ? waveform[i - 1]! : 0
    waveform[i] = waveform[i]! + weight * before + level * noise[(start + i) % noise.length]!
  }
}
