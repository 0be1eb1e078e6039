import {
  attentionMaskOf,
  type BatchFit,
  type BatchingData,
  type BatchingOptions,
  type BatchSource,
  ConfigError,
  checkedDataset,
  cropTargets,
  defaultFit,
  type FrameLabels,
  featureMask,
  fitLengths,
  floatArray,
  frameCount,
  type HostArray,
  HostRng,
  intArray,
  lengthsOf,
  loadRows,
  ownFrameCount,
  padRows,
  planBatches,
  receptiveField,
  rowsOf,
  type SpanMaskVariant,
  selectLabelled,
  timeMask,
  toDataset,
  validSeconds,
} from '@babble/core'
import type { HubertConfig } from '../config'
import { labelsPerFrame } from '../heads/pretraining'

/** A batch on the host, under the names of `HubertForPreTraining.forward`. */
export interface HubertPretrainingHostBatch {
  readonly [name: string]: HostArray
  /** float32 `[batch, samples]` */
  readonly inputValues: HostArray
  /** int32 `[batch, samples]`: 1 at samples, 0 at padding. */
  readonly attentionMask: HostArray
  /** int32 `[batch, frames]`: 1 where a frame is masked. */
  readonly maskTimeIndices: HostArray
  /** int32 `[batch, labels, label sets]`: -1 where there is none. */
  readonly targets: HostArray
}

export interface HubertPretrainingBatchesOptions extends BatchingOptions {
  readonly config: HubertConfig
  /** Longer utterances are cropped to this many samples, at a random place. Default 250000 (15.6 s), the paper's. */
  readonly cropSamples?: number
  /** Shorter recordings are left out. Default: what a frame is made of; fairseq has 32000 (2 s). */
  readonly minSamples?: number
  /** How an utterance comes to its batch's length. Default: `crop` for group norm over padding. */
  readonly fit?: BatchFit
  /** How spans are drawn; `fairseq`, the default, also gives all utterances of a batch equally many masked frames. */
  readonly maskVariant?: SpanMaskVariant
  /** Seconds by which a recording and its labels may differ; others are left out. Default 0.1. */
  readonly tolerance?: number
}

/** Batches for pre-training, and what was left out of them. */
export interface HubertPretrainingSource extends BatchSource<HubertPretrainingHostBatch> {
  readonly recordings: number
  /** Share of the samples that an epoch's crops hold: see `fitLengths`. */
  readonly audioKept: number
  /** Recordings left out for their length. */
  readonly unfit: number
  /** Recordings left out because their labels last for another time. */
  readonly mislabelled: number
  /** The first few of these, described. */
  readonly descriptions: readonly string[]
}

/**
 * Batches for masked prediction: utterances of similar length, cropped or padded, with their labels and span masks (the paper's section II-B;
 * p and l from the configuration's `maskTimeProb` and `maskTimeLength`).
 *
 * With several processes each makes its own utterances of a batch; masks and crops are those that one process would draw for all.
 *
 * @param data All recordings that the labels were made from, in their order.
 * @param labels One for each of `numClasses`; they are read as they are needed, and closed along with the batches.
 * @throws DataError when labels do not fit the recordings, naming the file, the line and what to do; AudioError naming a recording in memory with
 * samples that are not finite.
 */
export const hubertPretrainingBatches = async (
  data: BatchingData,
  labels: readonly FrameLabels[],
  options: HubertPretrainingBatchesOptions,
): Promise<HubertPretrainingSource> => {
  const { config, seed, buckets = 1, cropSamples = 250_000, normalize = true, maskVariant = 'fairseq' } = options
  const least = receptiveField(config)
  const { minSamples = least, tolerance } = options
  if (!(config.maskTimeProb > 0)) {
    throw new ConfigError('maskTimeProb is 0, but pre-training predicts masked frames.', {
      field: 'maskTimeProb',
      cure: 'The paper has 0.8.',
    })
  }
  if (!(cropSamples >= least)) {
    throw new ConfigError(`cropSamples is ${cropSamples}, less than a frame.`, { field: 'cropSamples' })
  }
  const all = toDataset(data, options.samplingRate ?? config.samplingRate)
  const { dataset, utterances, ...leftOut } = await selectLabelled(all, labels, {
    labelRate: config.labelRate,
    classes: config.numClasses,
    minSamples: Math.max(least, minSamples),
    ...(tolerance === undefined ? {} : { tolerance }),
  })
  checkedDataset(dataset, config, config.samplingRate)
  // In memory the samples are looked at too.
  if (!('load' in data))
    checkedDataset(
      data.filter(({ waveform }) => waveform.length >= least),
      config,
    )
  const { fit = defaultFit(config) } = options
  const { lengths, buckets: bounds, audioKept } = fitLengths(lengthsOf(dataset, cropSamples), buckets, fit)
  const { planner, ownRows } = planBatches(lengths, bounds, options)
  const ratio = labelsPerFrame(config)
  const labelsPerSample = config.labelRate / config.samplingRate

  const batch = async (epoch: number, index: number, signal?: AbortSignal): Promise<HubertPretrainingHostBatch> => {
    const { indices, paddedLength } = planner.batch(epoch, index)
    const rng = new HostRng(seed, 'hubert-pretraining', epoch, index)
    const frames = frameCount(config, paddedLength)
    const [from, to] = ownRows(indices.length)
    // Everything that is drawn is drawn for the whole batch, so that it does not depend on who shares it.
    const starts = indices.map((item) => rng.int(dataset.samples(item) - lengths[item]! + 1))
    const frameLengths = indices.map((item) => ownFrameCount(config, lengths[item]!, paddedLength))
    const masked = timeMask(config, { lengths: frameLengths, frames, rng, variant: maskVariant })
    const channels = config.maskFeatureProb > 0 ? featureMask(config, indices.length, rng) : undefined
    const own = indices.slice(from, to)
    const requests = own.map((item, row) => ({
      index: item,
      normalize,
      start: starts[from + row]!,
      length: lengths[item]!,
      ...(signal ? { signal } : {}),
    }))
    const crops = requests.map(({ index, start, length }) => ({ utterance: utterances[index]!, start, length }))
    // Enough of them that no frame is cut off.
    const targets = cropTargets(labels, crops, Math.ceil(frames * ratio), labelsPerSample)
    const [inputs, found] = await Promise.all([
      loadRows(dataset, requests, (waveforms) => padRows(waveforms, paddedLength)),
      targets,
    ])
    const shape = [own.length, paddedLength]
    return {
      inputValues: floatArray(inputs, shape),
      attentionMask: intArray(
        attentionMaskOf(
          own.map((item) => lengths[item]!),
          paddedLength,
        ),
        shape,
      ),
      maskTimeIndices: rowsOf(intArray(masked, [indices.length, frames]), from, to),
      targets: found,
      ...(channels ? { maskFeatureIndices: rowsOf(channels, from, to) } : {}),
    }
  }

  const { close, readAhead } = dataset
  return {
    name: 'hubert-pretraining',
    recordings: dataset.length,
    audioKept,
    ...leftOut,
    batchesPerEpoch: () => planner.batchesPerEpoch,
    batch,
    audioSeconds: ({ attentionMask }) => validSeconds(attentionMask, dataset.sampleRate),
    ...(readAhead === undefined ? {} : { readAhead }),
    close: async () => {
      for (const own of labels) await own.close()
      await close?.call(dataset)
    },
  }
}
