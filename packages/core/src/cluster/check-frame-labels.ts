import { DataError } from '../errors'
import type { FrameLabels } from './frame-labels'

/** Rates that labels come at, a second: those of usual hops, and of models over them. */
const usualRates = [10, 12.5, 20, 25, 100 / 3, 40, 50, 62.5, 75, 80, 100, 125, 200]
/** How far from one of them a measured rate may be: windows take a few hundredths of a second off each utterance. */
const rateTolerance = 0.08
/** Utterances that are described one by one. */
const described = 10

export interface CheckFrameLabelsOptions {
  /** Recordings that the labels are for. */
  readonly utterances: number
  /** How long a recording lasts. */
  readonly seconds: (utterance: number) => number
  /** Labels a second: 50 for HuBERT's frames, 100 for MFCC's. */
  readonly labelRate: number
  /** Labels are below this: the number of clusters. */
  readonly classes: number
  /** Difference of duration that is let pass, in seconds. Default 0.1, as in fairseq. */
  readonly tolerance?: number
}

/** What is known of labels that can be used. */
export interface LabelCheck {
  readonly utterances: number
  /** Labels of all utterances. */
  readonly labels: number
  /** Labels a second of recording. */
  readonly measuredRate: number
  /** Utterances whose labels last for another time than their recording, ascending: training leaves them out. */
  readonly outside: Uint32Array
  /** The first few of them, described for people. */
  readonly first: readonly string[]
}

/**
 * Checks that labels are for these recordings: as many lines, no label of a class that there is not, and labels that last as long as
 * their recording.
 *
 * Single utterances that do not are found, not refused. Where they are half of the utterances or of their seconds, the labels as a whole
 * are wrong: at another rate, or from other recordings.
 *
 * @throws DataError naming file, line and cure; it says which rate the labels seem to have.
 */
export const checkFrameLabels = async (labels: FrameLabels, options: CheckFrameLabelsOptions): Promise<LabelCheck> => {
  const { utterances, labelRate, classes, tolerance = 0.1 } = options
  if (!(labelRate > 0 && Number.isFinite(labelRate) && tolerance >= 0)) {
    throw new RangeError(`the label rate is above 0 and the tolerance not below: ${labelRate}, ${tolerance}.`)
  }
  if (labels.utterances !== utterances) {
    throw new DataError(
      `${labels.utterances} lines of labels for ${utterances} utterances: there must be one line for each.`,
      { file: labels.path, field: 'labels', cure: 'Make the labels again from this list of recordings.' },
    )
  }
  if (labels.largest >= classes) throw await unknownClass(labels, classes)
  const durations = Float64Array.from({ length: utterances }, (_, utterance) => secondsOf(options, utterance))
  const outside = findOutside(labels, durations, labelRate, tolerance)
  const seconds = durations.reduce((sum, value) => sum + value, 0)
  let total = 0
  for (let utterance = 0; utterance < utterances; utterance++) total += labels.count(utterance)
  const describe = (utterance: number): string =>
    `${labels.path}:${utterance + 1}: ${labels.count(utterance)} labels are ` +
    `${(labels.count(utterance) / labelRate).toFixed(2)} s at ${labelRate} a second, but the recording lasts ` +
    `${durations[utterance]!.toFixed(2)} s.`
  const measuredRate = seconds > 0 ? total / seconds : 0
  if (isMost(outside, durations, seconds)) {
    const rate = likelyRate(labels, durations, measuredRate, tolerance)
    const example = `${outside.length} of ${utterances} utterances do not fit; the first: ${describe(outside[0]!)}`
    throw rate === undefined
      ? new DataError(`labels and recordings last for different times, at whatever rate. ${example}`, {
          file: labels.path,
          field: 'labels',
          cure: 'The labels are of other recordings, or in another order: make them again from this list.',
        })
      : new DataError(`labels come ${rate} a second, not ${labelRate}. ${example}`, {
          file: labels.path,
          field: 'labelRate',
          cure: `Say that the label rate is ${rate}, or make the labels again at ${labelRate}.`,
        })
  }
  const first = Array.from(outside.subarray(0, described), describe)
  return { utterances, labels: total, measuredRate, outside, first }
}

const secondsOf = ({ seconds }: CheckFrameLabelsOptions, utterance: number): number => {
  const value = seconds(utterance)
  if (value >= 0 && Number.isFinite(value)) return value
  throw new DataError(`the length of recording ${utterance + 1} is not known (${value}).`, {
    field: 'seconds',
    cure: 'Prepare the corpus again, which writes it.',
  })
}

const findOutside = (labels: FrameLabels, durations: Float64Array, rate: number, tolerance: number): Uint32Array => {
  const isOutside = (utterance: number): boolean =>
    // Durations are sums of samples: the last bits of a division must not decide.
    Math.abs(labels.count(utterance) / rate - durations[utterance]!) > tolerance + 1e-9
  let count = 0
  for (let utterance = 0; utterance < durations.length; utterance++) if (isOutside(utterance)) count++
  const outside = new Uint32Array(count)
  for (let utterance = 0, at = 0; at < count; utterance++) if (isOutside(utterance)) outside[at++] = utterance
  return outside
}

/** Whether these are half of all utterances, or of their seconds: short ones fit at any rate. */
const isMost = (outside: Uint32Array, durations: Float64Array, seconds: number): boolean => {
  if (outside.length === 0) return false
  const held = outside.reduce((sum, utterance) => sum + durations[utterance]!, 0)
  return 2 * outside.length >= durations.length || 2 * held >= seconds
}

/** The rate at which most utterances would fit. */
const likelyRate = (
  labels: FrameLabels,
  durations: Float64Array,
  measured: number,
  tolerance: number,
): number | undefined => {
  if (measured <= 0) return undefined
  const usual = usualRates.reduce((best, rate) => (distance(rate, measured) < distance(best, measured) ? rate : best))
  const candidates = distance(usual, measured) <= rateTolerance ? [usual, measured] : [measured]
  for (const rate of candidates) {
    const outside = findOutside(labels, durations, rate, tolerance)
    const held = durations.reduce((sum, value) => sum + value, 0)
    if (!isMost(outside, durations, held)) return Number(rate.toPrecision(4))
  }
  return undefined
}

const distance = (a: number, b: number): number => Math.abs(Math.log(a / b))

/** Says where the first label is that is too large. */
const unknownClass = async (labels: FrameLabels, classes: number): Promise<DataError> => {
  const options = {
    field: 'labels',
    cure: `Give the number of clusters that the labels were made with: at least ${labels.largest + 1}.`,
  }
  for (let utterance = 0; utterance < labels.utterances; utterance++) {
    const row = await labels.read(utterance)
    const at = row.findIndex((label) => label >= classes)
    if (at < 0) continue
    return new DataError(`label ${at + 1} of the line is ${row[at]}, but there are ${classes} classes, from 0 on.`, {
      file: `${labels.path}:${utterance + 1}`,
      ...options,
    })
  }
  return new DataError(`the largest label is ${labels.largest}, but there are ${classes} classes.`, {
    file: labels.path,
    ...options,
  })
}
