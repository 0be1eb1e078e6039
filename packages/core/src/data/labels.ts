import { DataError } from '../errors'
import type { ByteSource } from './byte-source'
import { Growable } from './growable'
import { scanLines } from './lines'
import type { Manifest } from './manifest'
import { type TextColumn, TextColumnBuilder } from './text-column'

/** A label file's lines, one an utterance, in the manifest's order. */
export interface Labels extends TextColumn {
  readonly file: string
}

/**
 * Reads fairseq's label files with a line of text for each utterance (`.wrd`, `.ltr`, `.phn`, `.txt`). An empty line is an
 * utterance without words.
 *
 * @param source The file's path, or its content and name.
 * @param count How many lines there must be.
 * @throws DataError naming the file, and the line where there is one, for another number of lines or text that is not UTF-8.
 */
export const readLabels = async (source: ByteSource, count?: number): Promise<Labels> => {
  const file = typeof source === 'string' ? source : source.file
  const builder = new TextColumnBuilder()
  await scanLines(
    source,
    (bytes, start, end) => {
      builder.pushBytes(bytes, start, end)
    },
    { onFault: ({ line, message }) => refuse(file, line, message) },
  )
  const column = builder.finish()
  if (count !== undefined) checkCount(file, column.length, count)
  return { file, length: column.length, byteLength: column.byteLength, at: (row) => column.at(row) }
}

/** One class a frame for each utterance: HuBERT's targets. */
export interface FrameLabels {
  readonly file: string
  /** Utterances. */
  readonly length: number
  /** Memory held, in bytes. */
  readonly byteLength: number
  /** One more than the largest class. */
  readonly classes: number
  /** Labels of an utterance. */
  count(row: number): number
  /** The labels of an utterance, one a frame. */
  at(row: number): Int32Array
}

/**
 * Reads a `.km` file, as k-means over features writes it: a line for each utterance, a whole number for each frame. The numbers are kept in
 * 2 bytes each where they fit.
 *
 * @param source The file's path, or its content and name.
 * @param count How many lines there must be.
 * @throws DataError with `file:line` for what is no whole number, and for another number of lines.
 */
export const readFrameLabels = async (source: ByteSource, count?: number): Promise<FrameLabels> => {
  const file = typeof source === 'string' ? source : source.file
  let values: Growable<Uint16Array> | Growable<Uint32Array> = new Growable((length) => new Uint16Array(length))
  const starts = new Growable((length) => new Float64Array(length))
  let largest = -1
  starts.push(0)
  await scanLines(
    source,
    (bytes, start, end, line) => {
      let value = -1
      for (let at = start; at <= end; at++) {
        const digit = at < end ? bytes[at]! - 0x30 : -1
        if (digit >= 0 && digit <= 9) {
          value = (value < 0 ? 0 : value * 10) + digit
          if (value > 0xfffffff) refuse(file, line, `a class is larger than ${0xfffffff}.`)
          continue
        }
        if (at < end && bytes[at] !== 0x20 && bytes[at] !== 0x09) {
          refuse(
            file,
            line,
            `the labels must be whole numbers with spaces between; column ${at - start + 1} is neither.`,
          )
        }
        if (value < 0) continue
        if (value > 0xffff && largest <= 0xffff) values = widen(values)
        largest = Math.max(largest, value)
        values.push(value)
        value = -1
      }
      starts.push(values.length)
    },
    { onFault: ({ line, message }) => refuse(file, line, message) },
  )
  const labels = values.finish()
  const bounds = starts.finish()
  const length = bounds.length - 1
  if (count !== undefined) checkCount(file, length, count)
  const place = (row: number): [number, number] => {
    if (!(row >= 0 && row < length)) throw new RangeError(`${file} has no line ${row + 1}: it has ${length}.`)
    return [bounds[row]!, bounds[row + 1]!]
  }
  return {
    file,
    length,
    byteLength: labels.byteLength + bounds.byteLength,
    classes: largest + 1,
    count: (row) => {
      const [start, end] = place(row)
      return end - start
    },
    at: (row) => Int32Array.from(labels.subarray(...place(row))),
  }
}

const widen = (narrow: Growable<Uint16Array> | Growable<Uint32Array>): Growable<Uint32Array> => {
  const wide = new Growable((length) => new Uint32Array(length))
  wide.append(Uint32Array.from(narrow.view()))
  return wide
}

export interface LabelRateOptions {
  /** Labels a second: 50 for HuBERT's frames, 100 for MFCC's. */
  readonly labelRate: number
  /** Hz of the recordings. Default 16000. */
  readonly sampleRate?: number
  /** Difference of duration that is let pass, in seconds. Default 0.1, as in fairseq. */
  readonly tolerance?: number
}

/** An utterance whose labels last for another time than its audio. */
export interface LabelMismatch {
  readonly index: number
  readonly audioSeconds: number
  readonly labelSeconds: number
}

/**
 * Compares how long each utterance's labels last with how long its audio does: labels made at another rate, or from other files, show.
 *
 * @returns the utterances that differ by more than the tolerance.
 * @throws DataError when there are not as many lines as recordings, or a recording's length is not known.
 */
export const findLabelMismatches = (
  manifest: Manifest,
  labels: FrameLabels,
  options: LabelRateOptions,
): LabelMismatch[] => {
  const { labelRate, sampleRate = 16000, tolerance = 0.1 } = options
  checkCount(labels.file, labels.length, manifest.length)
  const mismatches: LabelMismatch[] = []
  for (let index = 0; index < labels.length; index++) {
    const samples = manifest.samples(index)
    if (samples === undefined) {
      throw new DataError(`the length of ${manifest.path(index)} is not known.`, {
        file: manifest.file,
        field: 'samples',
        cure: 'Prepare the corpus again, which writes it.',
      })
    }
    const audioSeconds = samples / sampleRate
    const labelSeconds = labels.count(index) / labelRate
    if (Math.abs(audioSeconds - labelSeconds) > tolerance) mismatches.push({ index, audioSeconds, labelSeconds })
  }
  return mismatches
}

/** @throws DataError naming the first utterance whose labels last for another time than its audio. */
export const checkLabelRate = (manifest: Manifest, labels: FrameLabels, options: LabelRateOptions): void => {
  const mismatches = findLabelMismatches(manifest, labels, options)
  const first = mismatches[0]
  if (!first) return
  const { index, audioSeconds, labelSeconds } = first
  throw new DataError(
    `${labels.count(index)} labels are ${labelSeconds.toFixed(2)} s at ${options.labelRate} a second, but ` +
      `${manifest.path(index)} lasts ${audioSeconds.toFixed(2)} s; so it is for ${mismatches.length} of ${labels.length} lines.`,
    {
      file: `${labels.file}:${index + 1}`,
      cure: 'Check the label rate, and that the labels were made from these files.',
    },
  )
}

/** Letters as fairseq's `.ltr` files have them: spaces between, `|` after each word. `HI YOU` is `H I | Y O U |`. */
export const toLetters = (text: string): string => {
  const words = text.split(/\s+/).filter((word) => word !== '')
  return words.map((word) => `${[...word].join(' ')} |`).join(' ')
}

/** The words of a line of a `.ltr` file. */
export const fromLetters = (letters: string): string =>
  letters
    .split('|')
    .map((word) => word.replaceAll(' ', ''))
    .filter((word) => word !== '')
    .join(' ')

const refuse = (file: string, line: number, message: string): never => {
  throw new DataError(message, { file: `${file}:${line}` })
}

const checkCount = (file: string, found: number, expected: number): void => {
  if (found === expected) return
  throw new DataError(`${found} lines, but the manifest has ${expected} entries: there must be one line for each.`, {
    file,
    cure: 'Make both again together.',
  })
}
