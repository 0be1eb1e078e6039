import type { FeatureFrames, FrontEnd } from './feature-frames'
import { checkOption } from './waveform'

/**
 * Joins every `factor` frames into one of `factor` times the `dim`; rows of zeros fill up the last one. AV-HuBERT stacks 4 filterbank
 * frames of 10 ms to come to the 25 frames a second of its video.
 */
export function stackFrames({ data, frames, dim }: FeatureFrames, factor: number): FeatureFrames {
  checkOption(Number.isInteger(factor) && factor >= 1, 'factor', factor, 'Use a whole number from 1.')
  const stackedFrames = Math.ceil(frames / factor)
  const out = new Float32Array(stackedFrames * factor * dim)
  out.set(data)
  return { data: out, frames: stackedFrames, dim: factor * dim }
}

/** Each frame brought to zero mean and unit variance: (x - mean) / sqrt(variance + epsilon), a layer norm without weights. Default epsilon 1e-5. */
export function layerNormFrames({ data, frames, dim }: FeatureFrames, epsilon = 1e-5): FeatureFrames {
  const out = new Float32Array(data.length)
  for (let at = 0; at < data.length; at += dim) {
    normaliseInto(data.subarray(at, at + dim), out.subarray(at, at + dim), epsilon)
  }
  return { data: out, frames, dim }
}

/**
 * A whole waveform brought to zero mean and unit variance as fairseq does (`task.normalize`: a layer norm over all samples, epsilon 1e-5).
 * Hugging Face's epsilon is 1e-7.
 */
export function layerNormWaveform(waveform: Float32Array, epsilon = 1e-5): Float32Array {
  const out = new Float32Array(waveform.length)
  normaliseInto(waveform, out, epsilon)
  return out
}

function normaliseInto(values: Float32Array, out: Float32Array, epsilon: number): void {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  const mean = sum / values.length
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2
  const scale = 1 / Math.sqrt(squares / values.length + epsilon)
  for (let i = 0; i < values.length; i++) out[i] = (values[i]! - mean) * scale
}

/** A front end whose frames are stacked by `factor` and, with `layerNorm`, normalised after that. */
export function withStacking(base: FrontEnd, factor: number, layerNorm = false): FrontEnd {
  checkOption(Number.isInteger(factor) && factor >= 1, 'factor', factor, 'Use a whole number from 1.')
  return {
    ...base,
    name: `${base.name}-stack${factor}${layerNorm ? '-layernorm' : ''}`,
    dim: factor * base.dim,
    hopSamples: factor * base.hopSamples,
    frameCount: (samples) => Math.ceil(base.frameCount(samples) / factor),
    extract(samples, context) {
      const stacked = stackFrames(base.extract(samples, context), factor)
      return layerNorm ? layerNormFrames(stacked) : stacked
    },
  }
}
