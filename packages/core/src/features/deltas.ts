import type { FeatureFrames, FrontEnd } from './feature-frames'
import { checkOption } from './waveform'

/**
 * Time derivatives by regression over a window of frames, as torchaudio's `compute_deltas`: sum over n of n (x[t + n] - x[t - n]) / (2 sum of n²),
 * n = 1..(window - 1) / 2, with the first and last frames repeated beyond the ends.
 *
 * @param window Frames, an odd number of at least 3. Default 5.
 */
export function deltas({ data, frames, dim }: FeatureFrames, window = 5): FeatureFrames {
  checkOption(
    Number.isInteger(window) && window >= 3 && window % 2 === 1,
    'window',
    window,
    'Use an odd number from 3.',
  )
  const reach = (window - 1) / 2
  const norm = (reach * (reach + 1) * (2 * reach + 1)) / 3
  const out = new Float32Array(data.length)
  for (let frame = 0; frame < frames; frame++) {
    for (let column = 0; column < dim; column++) {
      let sum = 0
      for (let n = 1; n <= reach; n++) {
        const after = data[Math.min(frames - 1, frame + n) * dim + column]!
        const before = data[Math.max(0, frame - n) * dim + column]!
        sum += n * (after - before)
      }
      out[frame * dim + column] = sum / norm
    }
  }
  return { data: out, frames, dim }
}

/** Features side by side, frame by frame; all have the same number of frames. */
export function concatFeatures(...parts: readonly FeatureFrames[]): FeatureFrames {
  const frames = parts[0]?.frames ?? 0
  checkOption(
    parts.every((part) => part.frames === frames),
    'parts',
    parts.map((part) => part.frames).join(' and '),
    'Give features of one number of frames.',
  )
  const dim = parts.reduce((sum, part) => sum + part.dim, 0)
  const data = new Float32Array(frames * dim)
  let offset = 0
  for (const part of parts) {
    for (let frame = 0; frame < frames; frame++) {
      data.set(part.data.subarray(frame * part.dim, (frame + 1) * part.dim), frame * dim + offset)
    }
    offset += part.dim
  }
  return { data, frames, dim }
}

/**
 * Adds the features' deltas and the deltas' deltas: three times the `dim`. Over 13 Kaldi MFCC it makes the 39 numbers that HuBERT and
 * AV-HuBERT cluster for their first iteration.
 */
export function withDeltas(base: FrontEnd, window = 5): FrontEnd {
  return {
    ...base,
    name: `${base.name}-deltas${window === 5 ? '' : window}`,
    dim: 3 * base.dim,
    extract(samples, context) {
      const features = base.extract(samples, context)
      const first = deltas(features, window)
      return concatFeatures(features, first, deltas(first, window))
    },
  }
}
