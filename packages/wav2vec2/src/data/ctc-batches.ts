import {
  type BatchSource,
  ConfigError,
  DataError,
  type HostArray,
  HostRng,
  intArray,
  padIntegers,
  type Recording,
} from '@babble/core'
import type { Wav2Vec2Config } from '../config'
import { frameCount } from '../geometry'
import { featureMask, timeMask } from '../masking'
import type { Wav2Vec2Processor } from '../processor'
import { type BatchingOptions, checkRecordings, epochPlans, paddedLengths, validSeconds } from './plan'

/** A batch on the host, under the names of `Wav2Vec2ForCTC.forward`. */
export interface Wav2Vec2CtcHostBatch {
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
 * and of channels (the paper's appendix B).
 *
 * @throws AudioError naming a recording that is too short or has samples that are not finite; DataError naming one that has no text,
 * text outside the vocabulary, or (unless `ctcZeroInfinity`) more labels than frames.
 */
export const ctcBatches = (
  recordings: readonly Recording[],
  processor: Wav2Vec2Processor,
  options: CtcBatchesOptions,
): BatchSource<Wav2Vec2CtcHostBatch> => {
  const { config, seed, buckets = 1, augment = true } = options
  checkRecordings(recordings, config)
  checkVocabulary(processor, config)
  const labels = recordings.map((recording) => encodeLabels(recording, processor, config))
  const labelLength = labels.reduce((most, row) => Math.max(most, row.length), 1)
  const lengths = recordings.map(({ waveform }) => waveform.length)
  const plans = epochPlans(lengths, paddedLengths(lengths, buckets), options)
  const masks = augment && config.applySpecAugment

  const batch = (epoch: number, index: number): Wav2Vec2CtcHostBatch => {
    const { indices, paddedLength } = plans(epoch)[index]!
    const rng = new HostRng(seed, 'wav2vec2-ctc', epoch, index)
    const items = indices.map((recording) => recordings[recording]!)
    const waveforms = items.map(({ waveform }) => waveform)
    const { inputValues } = processor.extract(waveforms, { length: paddedLength, files: items.map(({ path }) => path) })
    const attentionMask = new Int32Array(items.length * paddedLength)
    waveforms.forEach(({ length }, item) => {
      attentionMask.fill(1, item * paddedLength, item * paddedLength + length)
    })
    const frames = frameCount(config, paddedLength)
    const frameLengths = waveforms.map(({ length }) => frameCount(config, length))
    const time = () =>
      intArray(timeMask(config, { lengths: frameLengths, frames, rng, variant: 'hf' }), [items.length, frames])
    return {
      inputValues,
      attentionMask: intArray(attentionMask, [items.length, paddedLength]),
      labels: padIntegers(
        indices.map((recording) => labels[recording]!),
        { length: labelLength, padding: labelPadding },
      ).values,
      ...(masks && config.maskTimeProb > 0 ? { maskTimeIndices: time() } : {}),
      ...(masks && config.maskFeatureProb > 0 ? { maskFeatureIndices: featureMask(config, items.length, rng) } : {}),
    }
  }

  return {
    name: 'wav2vec2-ctc',
    batchesPerEpoch: (epoch) => plans(epoch).length,
    batch,
    audioSeconds: ({ attentionMask }) => validSeconds(attentionMask, processor.featureExtractor.samplingRate),
  }
}

const checkVocabulary = ({ tokenizer }: Wav2Vec2Processor, config: Wav2Vec2Config): void => {
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
  { path, text, waveform }: Recording,
  processor: Wav2Vec2Processor,
  config: Wav2Vec2Config,
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
  const frames = frameCount(config, waveform.length)
  if (!config.ctcZeroInfinity && labels.length + repeats > frames) {
    throw new DataError(`its ${labels.length} labels need ${labels.length + repeats} frames, but it has ${frames}.`, {
      file: path,
      field: 'text',
      cure: 'Check its transcript, leave it out, or set ctcZeroInfinity.',
    })
  }
  return labels
}
