import { HostRng, type Recording } from '@babble/core'
import { type Specification, utteranceLengths } from '../specification'

/** Recordings of white noise for `batches` batches, each with the utterance lengths of the specification. */
export const noiseRecordings = (specification: Specification, batches: number): Recording[] => {
  const rng = new HostRng(1, 'noise')
  const lengths = utteranceLengths(specification)
  return Array.from({ length: batches * lengths.length }, (_, index) => {
    const samples = lengths[index % lengths.length]!
    return {
      path: `noise-${index}`,
      samples,
      waveform: Float32Array.from({ length: samples }, () => rng.normal()),
    }
  })
}

/** `count` whole numbers from `first` up to below `end`, at random. */
export const randomIntegers = (rng: HostRng, count: number, first: number, end: number): Int32Array =>
  Int32Array.from({ length: count }, () => first + rng.int(end - first))
