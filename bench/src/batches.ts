import { HostRng, type Recording, toTensors } from '@babble/core'
import { pretrainingBatches, type Wav2Vec2Config } from '@babble/wav2vec2'
import type * as tf from '@tensorflow/tfjs-core'
import type { Specification } from './specification'

/** Batches that the steps take in turn, as many as the PyTorch side has. */
const batchCount = 4

/** A few batches of noise on the engine, of the shapes and mask statistics that real ones have. */
export const makeBatches = async (
  config: Wav2Vec2Config,
  { batch }: Specification,
): Promise<Record<string, tf.Tensor>[]> => {
  const rng = new HostRng(1, 'noise')
  const samples = batch.seconds * batch.sampleRate
  const recordings: Recording[] = Array.from({ length: batchCount * batch.size }, (_, index) => ({
    path: `noise-${index}`,
    samples,
    waveform: Float32Array.from({ length: samples }, () => rng.normal()),
  }))
  // Masks as the PyTorch side draws them. All utterances have the same length: neither side has an attention mask.
  const source = pretrainingBatches(recordings, { config, batchSize: batch.size, seed: 1, maskVariant: 'hf' })
  const batches: Record<string, tf.Tensor>[] = []
  for (let index = 0; index < batchCount; index++) {
    const { attentionMask: _, ...host } = await source.batch(0, index)
    batches.push(toTensors(host))
  }
  return batches
}
