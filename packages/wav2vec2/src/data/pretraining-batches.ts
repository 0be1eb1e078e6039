import {
  attentionMaskOf,
  type BatchFit,
  type BatchingData,
  type BatchingOptions,
  type BatchSource,
  ConfigError,
  checkedDataset,
  cutBatch,
  defaultFit,
  featureMask,
  fitLengths,
  floatArray,
  frameCount,
  type HostArray,
  type HostBatch,
  HostRng,
  intArray,
  lengthsOf,
  loadRows,
  padRows,
  planBatches,
  receptiveField,
  rowsOf,
  type SpanMaskVariant,
  sampleDistractors,
  timeMask,
  validSeconds,
} from '@babble/core'
import type { Wav2Vec2Config } from '../config'

/** A batch on the host, under the names of `Wav2Vec2ForPreTraining.forward`. */
export interface Wav2Vec2PretrainingHostBatch {
  readonly [name: string]: HostArray
  /** float32 `[batch, samples]` */
  readonly inputValues: HostArray
  /** int32 `[batch, samples]`: 1 at samples, 0 at padding. */
  readonly attentionMask: HostArray
  /** int32 `[batch, frames]`: 1 where a frame is masked. */
  readonly maskTimeIndices: HostArray
  /** int32 `[batch, frames, K]`: distractors of masked frames, as indices into the batch's frames in a row; 0 elsewhere. */
  readonly sampledNegativeIndices: HostArray
}

/** Batches for pre-training. */
export interface Wav2Vec2PretrainingSource extends BatchSource<Wav2Vec2PretrainingHostBatch> {
  /** Share of the samples that an epoch's crops hold: see `fitLengths`. */
  readonly audioKept: number
}

export interface PretrainingBatchesOptions extends BatchingOptions {
  readonly config: Wav2Vec2Config
  /** Longer utterances are cropped to this many samples, at a random place. Default 250000 (15.6 s), the paper's BASE. */
  readonly cropSamples?: number
  /** How an utterance comes to its batch's length. Default: `crop` for group norm over padding. */
  readonly fit?: BatchFit
  /** How spans are drawn; `fairseq`, the default, also gives all utterances of a batch equally many masked frames. */
  readonly maskVariant?: SpanMaskVariant
}

/**
 * Batches for pre-training: utterances of similar length, normalised, cropped or padded, with span masks (the paper's section 3.1: p
 * and M from the configuration's `maskTimeProb` and `maskTimeLength`) and with `numNegatives` distractors for each masked frame,
 * from the masked frames of the same utterance (section 3.2).
 *
 * With several processes each makes its own utterances of a batch; masks and distractors are those that one process would draw for all.
 *
 * @throws AudioError naming the first recording that is shorter than a frame or has samples that are not finite.
 */
export const pretrainingBatches = (
  data: BatchingData,
  options: PretrainingBatchesOptions,
): Wav2Vec2PretrainingSource => {
  const { config, seed, buckets = 1, cropSamples = 250_000, normalize = true, maskVariant = 'fairseq' } = options
  if (!(config.maskTimeProb > 0)) {
    throw new ConfigError('maskTimeProb is 0, but pre-training predicts masked frames.', {
      field: 'maskTimeProb',
      cure: 'The paper has 0.65.',
    })
  }
  if (!(cropSamples >= receptiveField(config))) {
    throw new ConfigError(`cropSamples is ${cropSamples}, less than a frame.`, { field: 'cropSamples' })
  }
  const dataset = checkedDataset(data, config, options.samplingRate)
  const { fit = defaultFit(config), rank = 0, worldSize = 1 } = options
  const whole = lengthsOf(dataset, cropSamples)
  const { lengths, buckets: bounds, audioKept } = fitLengths(whole, buckets, fit)
  const { planner, ownRows } = planBatches(lengths, bounds, options)

  const batch = (epoch: number, index: number, signal?: AbortSignal) => {
    const { indices, paddedLength } = planner.batch(epoch, index)
    const rng = new HostRng(seed, 'wav2vec2-pretraining', epoch, index)
    const frames = frameCount(config, paddedLength)
    const [from, to] = ownRows(indices.length)
    // Everything that is drawn is drawn for the whole batch, so that it does not depend on who shares it.
    const starts = indices.map((item) => rng.int(dataset.samples(item) - lengths[item]! + 1))
    const frameLengths = indices.map((item) => frameCount(config, lengths[item]!))
    const masked = timeMask(config, { lengths: frameLengths, frames, rng, variant: maskVariant })
    const negatives = negativeIndices(masked, frames, config.numNegatives, rng)
    const channels = config.maskFeatureProb > 0 ? featureMask(config, indices.length, rng) : undefined
    const own = indices.slice(from, to)
    const requests = own.map((item, row) => ({
      index: item,
      normalize,
      start: starts[from + row]!,
      length: lengths[item]!,
      ...(signal ? { signal } : {}),
    }))
    return loadRows(dataset, requests, (waveforms): Wav2Vec2PretrainingHostBatch => {
      const shape = [own.length, paddedLength]
      const ownLengths = own.map((item) => lengths[item]!)
      return {
        inputValues: floatArray(padRows(waveforms, paddedLength), shape),
        attentionMask: intArray(attentionMaskOf(ownLengths, paddedLength), shape),
        maskTimeIndices: rowsOf(intArray(masked, [indices.length, frames]), from, to),
        sampledNegativeIndices: rowsOf(negatives, from, to),
        ...(channels ? { maskFeatureIndices: rowsOf(channels, from, to) } : {}),
      }
    })
  }

  const { close, readAhead } = dataset
  return {
    name: 'wav2vec2-pretraining',
    audioKept,
    batchesPerEpoch: () => planner.batchesPerEpoch,
    batch,
    audioSeconds: ({ attentionMask }) => validSeconds(attentionMask, dataset.sampleRate),
    cut: (whole, parts) => cutPretrainingBatch(whole, parts, { rank, worldSize }),
    ...(readAhead === undefined ? {} : { readAhead }),
    ...(close ? { close: () => close.call(dataset) } : {}),
  }
}

/**
 * Cuts a batch into equal parts by utterances, whose distractors become indices into the part's own frames.
 *
 * @param place Where the batch is one process's share: a part then consists of the shares of all processes, in their order.
 */
export const cutPretrainingBatch = (
  batch: HostBatch,
  parts: number,
  place: { readonly rank: number; readonly worldSize: number } = { rank: 0, worldSize: 1 },
): HostBatch[] =>
  cutBatch(batch, parts).map((part) => {
    const { data, shape } = part.sampledNegativeIndices!
    const [rows, frames, distractors] = shape as [number, number, number]
    const firstRow = place.rank * rows
    // An utterance's distractors are its own frames, so that the utterance's row is all that changes. Frames that are not masked have 0.
    const moved = Int32Array.from(data as Int32Array, (frame, at) => {
      const row = firstRow + Math.floor(at / (frames * distractors))
      return part.maskTimeIndices!.data[Math.floor(at / distractors)] === 1 ? row * frames + (frame % frames) : 0
    })
    return { ...part, sampledNegativeIndices: intArray(moved, shape) }
  })

/** Distractors of the masked frames of a batch, as indices into its `[batch * frames]` frames. */
const negativeIndices = (masked: Int32Array, frames: number, distractors: number, rng: HostRng): HostArray => {
  const size = masked.length / frames
  const negatives = new Int32Array(masked.length * distractors)
  for (let item = 0; item < size; item++) {
    const maskedFrames: number[] = []
    for (let at = item * frames; at < (item + 1) * frames; at++) if (masked[at] === 1) maskedFrames.push(at)
    const drawn = sampleDistractors({ maskedFrames, distractors, rng })
    maskedFrames.forEach((at, row) => {
      negatives.set(drawn.subarray(row * distractors, (row + 1) * distractors), at * distractors)
    })
  }
  return intArray(negatives, [size, frames, distractors])
}
