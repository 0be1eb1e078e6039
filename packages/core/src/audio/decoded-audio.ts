import { AudioError } from '../errors'

/** A decoded recording at its own rate. */
export interface DecodedAudio {
  /** Mono: the mean of the channels. Full scale is [-1, 1]; only floating-point files can go beyond it. */
  readonly samples: Float32Array
  /** In Hz. */
  readonly sampleRate: number
  /** Channels of the file, before they were averaged. */
  readonly channels: number
}

/** Sampling rates that a recording may have, in Hz; anything else is a damaged header. */
const lowestRate = 1000
const highestRate = 768_000

export const readFormats = 'WAV (PCM, floating-point, A-law or mu-law), FLAC, MP3 and Ogg Opus'
export const convertCure = 'Convert it, for example with `ffmpeg -i INPUT -ar 16000 -ac 1 OUTPUT.wav`.'
export const refetchCure = 'Fetch or record the file again, or leave it out.'

export function checkSampleRate(sampleRate: number, file?: string): void {
  if (!(Number.isInteger(sampleRate) && sampleRate >= lowestRate && sampleRate <= highestRate)) {
    throw new AudioError(`A sampling rate of ${sampleRate} Hz is not usable.`, {
      file,
      field: 'sampleRate',
      cure: `Use a whole number of Hz from ${lowestRate} to ${highestRate}.`,
    })
  }
}

/** Refuses a recording without samples, or with samples that are not finite numbers. */
export function checkSamples(samples: Float32Array, file?: string): void {
  if (samples.length === 0) throw new AudioError('The recording holds no samples.', { file, cure: 'Leave it out.' })
  const at = samples.findIndex((sample) => !Number.isFinite(sample))
  if (at >= 0) {
    throw new AudioError(`Sample ${at} is ${samples[at]}, not a finite number.`, {
      file,
      field: 'samples',
      cure: 'Make the file again with the tool that wrote it, or leave it out.',
    })
  }
}
