import { type BatchSource, type Clip, floatArray, type HostArray, intArray, loadRows } from '../../data/index'
import { DataError } from '../../errors'
import { HostRng } from '../../random/index'
import { classIds } from '../class-labels'
import { specAugmentMasks } from '../masking'
import type { SpeechEncoderConfig } from '../speech-encoder-config'
import {
  attentionMaskOf,
  type BatchingData,
  type BatchingOptions,
  checkedDataset,
  lengthsOf,
  padRows,
  planBatches,
  rowsOf,
  validSeconds,
} from './plan'

/** A batch on the host, under the names of `SpeechForSequenceClassification.forward`. */
export interface ClassificationHostBatch {
  readonly [name: string]: HostArray
  /** float32 `[batch, samples]` */
  readonly inputValues: HostArray
  /** int32 `[batch, samples]`: 1 at samples, 0 at padding. */
  readonly attentionMask: HostArray
  /** int32 `[batch]` */
  readonly labels: HostArray
}

export interface ClassificationBatchesOptions extends BatchingOptions {
  /**
   * The class of a recording: a column of the manifest that holds the class's name in `id2label` (`speaker`, `text`, `split` or any other), or a function that gives the
   * name or the number.
   */
  readonly label: string | ((clip: Clip) => string | number)
  /** Whether batches have time and channel masks, as the configuration says. Default true; false for evaluation. */
  readonly augment?: boolean
}

/**
 * Batches of whole, padded utterances with their classes, for fine-tuning a classifier.
 *
 * @throws AudioError naming a recording that is too short or has samples that are not finite; DataError naming one without a label, or
 * with a label that is no class of the model; ConfigError if two classes have one name and labels are names.
 */
export const classificationBatches = (
  data: BatchingData,
  options: ClassificationBatchesOptions,
): BatchSource<ClassificationHostBatch> => {
  const { config, seed, buckets = 1, augment = true, normalize = true, samplingRate } = options
  const dataset = checkedDataset(data, config, samplingRate)
  const labelOf = labeller(options.label, config)
  // Read now, so that a bad label is known before training; a number a recording is little to keep.
  const labels = Int32Array.from({ length: dataset.length }, (_, item) => labelOf(dataset.clip(item)))
  const lengths = lengthsOf(dataset)
  const { planner, ownRows } = planBatches(lengths, buckets, options)

  const batch = (epoch: number, index: number, signal?: AbortSignal) => {
    const { indices, paddedLength } = planner.batch(epoch, index)
    const rng = new HostRng(seed, 'classification', epoch, index)
    const [from, to] = ownRows(indices.length)
    // Masks are drawn for the whole batch, so that they do not depend on who shares it.
    const samples = indices.map((item) => lengths[item]!)
    const masks = augment ? specAugmentMasks(config, samples, paddedLength, rng) : {}
    const own = indices.slice(from, to)
    const requests = own.map((item) => ({ index: item, normalize, ...(signal ? { signal } : {}) }))
    return loadRows(dataset, requests, (waveforms): ClassificationHostBatch => {
      const shape = [own.length, paddedLength]
      const ownLengths = own.map((item) => lengths[item]!)
      return {
        inputValues: floatArray(padRows(waveforms, paddedLength), shape),
        attentionMask: intArray(attentionMaskOf(ownLengths, paddedLength), shape),
        labels: intArray(
          Int32Array.from(own, (item) => labels[item]!),
          [own.length],
        ),
        ...Object.fromEntries(Object.entries(masks).map(([name, mask]) => [name, rowsOf(mask, from, to)])),
      }
    })
  }

  const { close, readAhead, sampleRate } = dataset
  return {
    name: 'classification',
    batchesPerEpoch: () => planner.batchesPerEpoch,
    batch,
    audioSeconds: ({ attentionMask }) => validSeconds(attentionMask, sampleRate),
    ...(readAhead === undefined ? {} : { readAhead }),
    ...(close ? { close: () => close.call(dataset) } : {}),
  }
}

const labeller = (
  label: ClassificationBatchesOptions['label'],
  { id2label }: SpeechEncoderConfig,
): ((clip: Clip) => number) => {
  let ids: ReadonlyMap<string, number> | undefined
  const column = typeof label === 'string' ? label : undefined
  return (clip) => {
    const found = typeof label === 'function' ? label(clip) : columnOf(clip, label)
    const details = { file: clip.path, field: column ?? 'label' }
    if (found === undefined || found === '') {
      throw new DataError(`it has no ${column}.`, { ...details, cure: 'Add it to the manifest, or leave it out.' })
    }
    if (typeof found === 'number') {
      if (Number.isSafeInteger(found) && found >= 0 && found < id2label.length) return found
      throw new DataError(`its label is ${found}, but the model has classes 0 to ${id2label.length - 1}.`, {
        ...details,
        cure: 'Make the model with a name in id2label for every class.',
      })
    }
    ids ??= classIds(id2label)
    const id = ids.get(found)
    if (id !== undefined) return id
    const few = id2label.slice(0, 20).join(', ')
    throw new DataError(`its label is "${found}", which is no class of the model.`, {
      ...details,
      cure: `Classes (id2label) are ${few}${id2label.length > 20 ? ', …' : ''}.`,
    })
  }
}

const columnOf = (clip: Clip, column: string): string | undefined => {
  if (column === 'speaker' || column === 'text' || column === 'split') return clip[column]
  return clip.fields && Object.hasOwn(clip.fields, column) ? clip.fields[column] : undefined
}
