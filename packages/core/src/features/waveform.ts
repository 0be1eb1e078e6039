import { AudioError, ConfigError } from '../errors'
import type { ExtractContext, Samples } from './feature-frames'

/** What full scale is while features are computed: 1 for floats, 32768 where the reference reads 16-bit integers. */
export type FullScale = 1 | 32768

/**
 * Checks a waveform and brings it to the full scale that a front end computes with. A power of two changes no digit.
 *
 * @returns The samples themselves where nothing has to change; they are not to be written to.
 */
export function prepareWaveform(
  samples: Samples,
  fullScale: FullScale,
  sampleRate: number,
  context: ExtractContext,
): Float32Array {
  const { file } = context
  if (context.sampleRate !== undefined && context.sampleRate !== sampleRate) {
    throw new AudioError(
      `The waveform is at ${context.sampleRate} Hz, but the front end is made for ${sampleRate} Hz.`,
      {
        file,
        field: 'sampleRate',
        cure: `Resample it: readAudio(path, { sampleRate: ${sampleRate} }).`,
      },
    )
  }
  if (samples.length === 0) {
    throw new AudioError('The waveform holds no samples.', { file, field: 'samples', cure: 'Leave it out.' })
  }
  if (samples instanceof Int16Array) {
    return fullScale === 1 ? Float32Array.from(samples, (sample) => sample / 32768) : Float32Array.from(samples)
  }
  checkFinite(samples, file)
  if (fullScale === 1) return samples
  const scaled = new Float32Array(samples.length)
  for (let i = 0; i < samples.length; i++) scaled[i] = samples[i]! * fullScale
  return scaled
}

function checkFinite(samples: Float32Array, file: string | undefined): void {
  // 0 times NaN or infinity is NaN, and stays so in the sum.
  let zero = 0
  for (let i = 0; i < samples.length; i++) zero += samples[i]! * 0
  if (zero === 0) return
  const at = samples.findIndex((sample) => !Number.isFinite(sample))
  throw new AudioError(`Sample ${at} is ${samples[at]}, not a finite number.`, {
    file,
    field: 'samples',
    cure: 'Decode the recording again, or leave it out.',
  })
}

/** Refuses a setting out of range. */
export function checkOption(holds: boolean, field: string, value: unknown, cure: string): void {
  if (!holds) throw new ConfigError(`${field} is ${String(value)}.`, { field, cure })
}

/** A whole number of samples for a duration, cut off as Kaldi does. */
export function samplesOf(field: string, milliseconds: number, sampleRate: number): number {
  const samples = Math.trunc(sampleRate * milliseconds * 0.001)
  checkOption(
    samples >= 1 && samples <= 2 ** 20,
    field,
    milliseconds,
    'Use a duration from one sample to 2^20 samples.',
  )
  return samples
}
