import { type HostArray, type HostBatch, HostRng, intArray, type Recording, toTensors } from '@babble/core'
import { pretrainingBatches, type Wav2Vec2Config } from '@babble/wav2vec2'
import type * as tf from '@tensorflow/tfjs-core'
import { type CtcSpecification, type Specification, utteranceLengths } from './specification'

/** Batches that the steps take in turn, as many as the PyTorch side has. */
const batchCount = 4

/** A few batches of noise on the engine, of the shapes and mask statistics that real ones have. */
export const makeBatches = async (
  config: Wav2Vec2Config,
  specification: Specification,
): Promise<Record<string, tf.Tensor>[]> => {
  const rng = new HostRng(1, 'noise')
  const lengths = utteranceLengths(specification)
  const recordings: Recording[] = Array.from({ length: batchCount * lengths.length }, (_, index) => {
    const samples = lengths[index % lengths.length]!
    return {
      path: `noise-${index}`,
      samples,
      waveform: Float32Array.from({ length: samples }, () => rng.normal()),
    }
  })
  // Masks as the PyTorch side draws them; in the order given, so that each batch has the lengths of the specification.
  const source = pretrainingBatches(recordings, {
    config,
    batchSize: lengths.length,
    seed: 1,
    maskVariant: 'hf',
    fit: 'pad',
    shuffle: false,
  })
  const batches: Record<string, tf.Tensor>[] = []
  for (let index = 0; index < batchCount; index++) {
    const { attentionMask, sampledNegativeIndices, ...host } = await source.batch(0, index)
    // In pre-training all utterances have the same length: neither side has an attention mask.
    const own: HostBatch =
      specification.task === 'ctc'
        ? { attentionMask, labels: randomLabels(specification, config, rng) }
        : { sampledNegativeIndices }
    batches.push(toTensors({ ...host, ...own }))
  }
  return batches
}

/** Any units but the blank, which is unit 0. */
const randomLabels = ({ batch }: CtcSpecification, config: Wav2Vec2Config, rng: HostRng): HostArray =>
  intArray(
    Int32Array.from({ length: batch.size * batch.labels }, () => 1 + rng.int(config.vocabSize - 1)),
    [batch.size, batch.labels],
  )
