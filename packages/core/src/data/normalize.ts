import { AudioError } from '../errors'

/**
 * Zero mean and unit variance over the first `count` samples: (x - mean) / sqrt(variance + 1e-7). All samples are transformed.
 *
 * @throws AudioError naming `file` for samples that are not finite.
 */
export const normalizeWaveform = (waveform: Float32Array, file?: string, count = waveform.length): Float32Array => {
  let sum = 0
  for (let i = 0; i < count; i++) sum += waveform[i]!
  const mean = count > 0 ? sum / count : 0
  let squares = 0
  for (let i = 0; i < count; i++) squares += (waveform[i]! - mean) ** 2
  const variance = count > 0 ? squares / count : 0
  if (!Number.isFinite(variance)) refuseNonFinite(waveform, file)
  const scale = 1 / Math.sqrt(variance + 1e-7)
  return waveform.map((sample) => (sample - mean) * scale)
}

/** @throws AudioError always, naming the first sample that is not finite. */
export const refuseNonFinite = (waveform: Float32Array, file?: string): never => {
  const index = waveform.findIndex((sample) => !Number.isFinite(sample))
  throw new AudioError(`sample ${index} is ${waveform[index]}.`, {
    file,
    cure: 'Decode the recording again, or leave it out.',
  })
}
