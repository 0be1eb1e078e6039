import {
  type BatchSource,
  type Clip,
  floatArray,
  type HostArray,
  intArray,
  loadRows,
  padIntegers,
} from '../../data/index'
import { ConfigError, DataError } from '../../errors'
import { HostRng } from '../../random/index'
import { frameCount } from '../geometry'
import { specAugmentMasks } from '../masking'
import type { SpeechEncoderConfig } from '../speech-encoder-config'
import type { SpeechProcessor } from '../speech-processor'
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

/** A batch on the host, under the names of `SpeechForCtc.forward`. */
export interface CtcHostBatch {
  readonly [name: string]: HostArray
  /** float32 `[batch, samples]` */
  readonly inputValues: HostArray
  /** int32 `[batch, samples]`: 1 at samples, 0 at padding. */
  readonly attentionMask: HostArray
  /** int32 `[batch, labels]`, padded with -100. */
  readonly labels: HostArray
}

export interface CtcBatchesOptions extends Omit<BatchingOptions, 'normalize' | 'samplingRate'> {
  /** Whether batches have time and channel masks, as the configuration says. Default true; false for evaluation. */
  readonly augment?: boolean
}

/** Labels that end a row. */
const labelPadding = -100

/**
 * Batches for fine-tuning with CTC: normalised and padded utterances, their labels, and SpecAugment-style masks of spans of frames
 * and of channels (wav2vec 2.0, appendix B).
 *
 * @throws AudioError naming a recording that is too short or has samples that are not finite; DataError naming one that has no text,
 * text outside the vocabulary, or (unless `ctcZeroInfinity`) more labels than frames.
 */
export const ctcBatches = (
  data: BatchingData,
  processor: SpeechProcessor,
  options: CtcBatchesOptions,
): BatchSource<CtcHostBatch> => {
  const { config, seed, buckets = 1, augment = true } = options
  const { samplingRate, doNormalize, paddingValue } = processor.featureExtractor
  const dataset = checkedDataset(data, config, samplingRate)
  checkVocabulary(processor, config)
  // Labels are checked now and made again with each batch: kept for a corpus of millions they would fill the memory.
  let labelLength = 1
  for (let item = 0; item < dataset.length; item++) {
    labelLength = Math.max(
      labelLength,
      encodeLabels(dataset.clip(item), dataset.samples(item), processor, config).length,
    )
  }
  const lengths = lengthsOf(dataset)
  const { planner, ownRows } = planBatches(lengths, buckets, options)

  const batch = (epoch: number, index: number, signal?: AbortSignal) => {
    const { indices, paddedLength } = planner.batch(epoch, index)
    const rng = new HostRng(seed, 'ctc', epoch, index)
    const [from, to] = ownRows(indices.length)
    // Masks are drawn for the whole batch, so that they do not depend on who shares it.
    const samples = indices.map((item) => lengths[item]!)
    const masks = augment ? specAugmentMasks(config, samples, paddedLength, rng) : {}
    const own = indices.slice(from, to)
    const requests = own.map((item) => ({ index: item, normalize: doNormalize, ...(signal ? { signal } : {}) }))
    return loadRows(dataset, requests, (waveforms): CtcHostBatch => {
      const shape = [own.length, paddedLength]
      const labels = own.map((item) => encodeLabels(dataset.clip(item), lengths[item]!, processor, config))
      const ownLengths = own.map((item) => lengths[item]!)
      return {
        inputValues: floatArray(padRows(waveforms, paddedLength, paddingValue), shape),
        attentionMask: intArray(attentionMaskOf(ownLengths, paddedLength), shape),
        labels: padIntegers(labels, { length: labelLength, padding: labelPadding }).values,
        ...Object.fromEntries(Object.entries(masks).map(([name, mask]) => [name, rowsOf(mask, from, to)])),
      }
    })
  }

  const { close, readAhead } = dataset
  return {
    name: 'ctc',
    batchesPerEpoch: () => planner.batchesPerEpoch,
    batch,
    audioSeconds: ({ attentionMask }) => validSeconds(attentionMask, samplingRate),
    ...(readAhead === undefined ? {} : { readAhead }),
    ...(close ? { close: () => close.call(dataset) } : {}),
  }
}

const checkVocabulary = ({ tokenizer }: SpeechProcessor, config: SpeechEncoderConfig): void => {
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new ConfigError(`the vocabulary has ${tokenizer.vocabSize} units, but the CTC head ${config.vocabSize}.`, {
      field: 'vocabSize',
      cure: `Make the model with vocabSize: ${tokenizer.vocabSize}.`,
    })
  }
  if (tokenizer.blankId !== config.padTokenId) {
    throw new ConfigError(
      `the vocabulary's blank is ${tokenizer.blankId}, but the model's padTokenId ${config.padTokenId}.`,
      {
        field: 'padTokenId',
        cure: `Make the model with padTokenId: ${tokenizer.blankId}.`,
      },
    )
  }
}

const encodeLabels = (
  { path, text }: Clip,
  samples: number,
  processor: SpeechProcessor,
  config: SpeechEncoderConfig,
): Int32Array => {
  if (text === undefined)
    throw new DataError('it has no text.', {
      file: path,
      field: 'text',
      cure: 'Add it to the manifest, or leave it out.',
    })
  const labels = processor.encode(text, { file: path })
  // A path needs a frame for each label, and a blank between equal ones.
  const repeats = labels.reduce((sum, label, at) => sum + (at > 0 && labels[at - 1] === label ? 1 : 0), 0)
  const frames = frameCount(config, samples)
  if (!config.ctcZeroInfinity && labels.length + repeats > frames) {
    throw new DataError(`its ${labels.length} labels need ${labels.length + repeats} frames, but it has ${frames}.`, {
      file: path,
      field: 'text',
      cure: 'Check its transcript, leave it out, or set ctcZeroInfinity.',
    })
  }
  return labels
}
