import { type BatchSource, DataError, HostRng, intArray } from '@babble/core'
import type { DigitRecording } from '@babble/example-common'
import {
  ctcBatches,
  cutPretrainingBatch,
  pretrainingBatches,
  type Wav2Vec2Config,
  type Wav2Vec2CtcHostBatch,
  type Wav2Vec2PretrainingHostBatch,
  type Wav2Vec2Processor,
} from '@babble/wav2vec2'
import { type Augmentation, colour, type Voices } from './voices'

export interface StringsOptions {
  readonly voices: Voices
  readonly augmentation: Augmentation
  readonly config: Wav2Vec2Config
  readonly batchSize: number
  /** Samples of an example. */
  readonly samples: number
  readonly seed: number
}

const asRecording = (waveform: Float32Array, text: string): DigitRecording => ({
  path: `"${text}"`,
  text,
  speaker: '',
  waveform,
  samples: waveform.length,
})

const audioSamples = (voices: Voices) => voices.recordings.reduce((sum, { waveform }) => sum + waveform.length, 0)

/** Batches in an epoch: as many as it takes to hear about as much as there is. */
const epochLength = ({ voices, batchSize, samples }: StringsOptions): number =>
  Math.max(1, Math.round(audioSamples(voices) / (batchSize * samples)))

/** Indices of the recordings, by speaker. */
const bySpeaker = ({ recordings }: Voices): number[][] => {
  const groups = new Map<string, number[]>()
  recordings.forEach(({ speaker }, index) => {
    groups.set(speaker, [...(groups.get(speaker) ?? []), index])
  })
  return [...groups.values()]
}

const pick = <T>(items: readonly T[], rng: HostRng): T => items[rng.int(items.length)]!

/**
 * Digits of one speaker, at one speed, one after another until the example is full, for pre-training. As all of an example is the
 * same voice, a masked frame is told from its distractors by what is said, not by who says it.
 */
const fillWithSpeech = (
  options: StringsOptions,
  speakers: readonly (readonly number[])[],
  rng: HostRng,
): Float32Array => {
  const { voices, augmentation, samples } = options
  const speaker = pick(speakers, rng)
  const speed = pick(augmentation.speeds, rng)
  const waveform = new Float32Array(samples)
  for (let position = 0; position < samples; ) {
    const digit = voices.at(pick(speaker, rng), speed)
    waveform.set(digit.subarray(0, samples - position), position)
    position += digit.length
  }
  colour(waveform, rng, augmentation)
  return waveform
}

/** Batches of joined digits for pre-training: no labels, no padding, one shape. */
export const pretrainingStrings = (options: StringsOptions): BatchSource<Wav2Vec2PretrainingHostBatch> => {
  const { voices, config, batchSize, samples, seed } = options
  const speakers = bySpeaker(voices)
  return {
    name: 'digit-strings-without-labels',
    batchesPerEpoch: () => epochLength(options),
    batch: async (epoch, index) => {
      const rng = new HostRng(seed, 'pretraining-strings', epoch, index)
      const examples = Array.from({ length: batchSize }, () => asRecording(fillWithSpeech(options, speakers, rng), ''))
      const source = pretrainingBatches(examples, {
        config,
        batchSize,
        seed: rng.int(2 ** 31),
        shuffle: false,
        fit: 'pad',
      })
      // Without padding there is nothing for an attention mask to say.
      const { attentionMask: _, ...batch } = await source.batch(0, 0)
      return batch as Wav2Vec2PretrainingHostBatch
    },
    audioSeconds: () => (batchSize * samples) / voices.sampleRate,
    cut: cutPretrainingBatch,
  }
}

export interface LabelledStringsOptions extends StringsOptions {
  readonly processor: Wav2Vec2Processor
  /** Most digits that an example joins. */
  readonly mostDigits: number
}

/** One digit or several, each of any speaker, as far as they fit into the example; their words are the text. */
const joinDigits = (options: LabelledStringsOptions, rng: HostRng): DigitRecording => {
  const { voices, augmentation, samples, mostDigits } = options
  const wanted = 1 + rng.int(mostDigits)
  const parts: Float32Array[] = []
  const words: string[] = []
  let length = 0
  for (let tries = 0; parts.length < wanted && tries < 100; tries++) {
    const index = rng.int(voices.recordings.length)
    const digit = voices.at(index, pick(augmentation.speeds, rng))
    if (length + digit.length > samples) {
      if (parts.length > 0) break
      continue
    }
    parts.push(digit)
    words.push(voices.recordings[index]!.text)
    length += digit.length
  }
  if (parts.length === 0) {
    throw new DataError(`no recording is found that fits into ${(samples / voices.sampleRate).toFixed(2)} s.`, {
      field: 'seconds',
      cure: 'Give shorter recordings of single digits.',
    })
  }
  const waveform = new Float32Array(length)
  let position = 0
  for (const part of parts) {
    waveform.set(part, position)
    position += part.length
  }
  colour(waveform, rng, augmentation)
  return asRecording(waveform, words.join(' '))
}

/** Batches of one digit or several with their words, for fine-tuning; padded to one shape. */
export const labelledStrings = (options: LabelledStringsOptions): BatchSource<Wav2Vec2CtcHostBatch> => {
  const { processor, config, batchSize, samples, seed, mostDigits, voices } = options
  return {
    name: 'digit-strings',
    batchesPerEpoch: () => epochLength(options),
    batch: async (epoch, index) => {
      const rng = new HostRng(seed, 'labelled-strings', epoch, index)
      const examples = Array.from({ length: batchSize }, () => joinDigits(options, rng))
      const source = ctcBatches(examples, processor, {
        config,
        batchSize,
        seed: rng.int(2 ** 31),
        shuffle: false,
        buckets: [samples],
      })
      const batch = await source.batch(0, 0)
      return { ...batch, labels: widen(batch.labels.data, batchSize, mostDigits) }
    },
    audioSeconds: ({ attentionMask }) => {
      let samples = 0
      for (const valid of attentionMask.data) samples += valid
      return samples / voices.sampleRate
    },
  }
}

/** Rows of labels brought to one width for all batches, so that one program serves them all. */
const widen = (labels: ArrayLike<number>, rows: number, width: number) => {
  const present = labels.length / rows
  const widened = new Int32Array(rows * width).fill(-100)
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < present; at++) widened[row * width + at] = labels[row * present + at]!
  }
  return intArray(widened, [rows, width])
}

/** A tenth of the recordings, spread evenly over speakers and digits. */
export const tenthOf = (recordings: readonly DigitRecording[]): DigitRecording[] => {
  const order = recordings.map((_, index) => index)
  const key = (index: number) => `${recordings[index]!.speaker} ${recordings[index]!.text}`
  order.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b))
  return order.filter((_, place) => place % 10 === 4).map((index) => recordings[index]!)
}
