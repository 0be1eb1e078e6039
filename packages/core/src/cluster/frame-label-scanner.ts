import { Growable } from '../data/growable'
import { DataError } from '../errors'

/** Longest line that is taken, in bytes: labels of many hours. A file without line ends is none of labels. */
const longestLine = 2 ** 24
/** Labels are int32 on the engine. */
const largestLabel = 2 ** 31 - 1
const [tab, lineFeed, carriageReturn, space, zero] = [0x09, 0x0a, 0x0d, 0x20, 0x30] as const

/** Where the utterances of a `.km` file are. */
export interface FrameLabelIndex {
  /** First bytes of the lines, and the end of the last. */
  readonly starts: Float64Array
  /** Labels of each line. */
  readonly counts: Uint32Array
  /** The largest label; -1 where there is none. */
  readonly largest: number
}

/**
 * Checks every byte of a `.km` file, given piece by piece, and notes where its lines are. Memory grows with the lines that were found: 12
 * bytes for each.
 */
export class FrameLabelScanner {
  readonly #file: string
  readonly #starts = new Growable((length) => new Float64Array(length))
  readonly #counts = new Growable((length) => new Uint32Array(length))
  #position = 0
  #lineStart = 0
  #count = 0
  /** The number that is being read; -1 between numbers. */
  #value = -1
  #largest = -1
  #afterReturn = false

  /** @param file Named in errors. */
  constructor(file: string) {
    this.#file = file
  }

  /** @throws DataError with `file:line` for what is no label. */
  push(bytes: Uint8Array): void {
    // Private fields would be looked up for each byte.
    let [value, count, largest, afterReturn] = [this.#value, this.#count, this.#largest, this.#afterReturn]
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!
      const digit = byte - zero
      if (digit >= 0 && digit <= 9 && !afterReturn) {
        if (value < 0) {
          value = 0
          count++
        }
        value = value * 10 + digit
        if (value > largestLabel) throw this.#fault(`label ${count} is over ${largestLabel}, the largest int32.`)
        if (value > largest) largest = value
      } else if (byte === lineFeed) {
        this.#endLine(this.#position + at + 1, count)
        ;[value, count, afterReturn] = [-1, 0, false]
      } else if ((byte === space || byte === tab) && !afterReturn) value = -1
      else if (byte === carriageReturn && !afterReturn) afterReturn = true
      else throw this.#unexpected(byte, this.#position + at)
    }
    this.#position += bytes.length
    if (this.#position - this.#lineStart > longestLine) {
      throw this.#fault(`the line is longer than ${longestLine} bytes.`)
    }
    ;[this.#value, this.#count, this.#largest, this.#afterReturn] = [value, count, largest, afterReturn]
  }

  /** Ends the file: what follows the last line end is a line unless it is empty. */
  finish(): FrameLabelIndex {
    if (this.#position > this.#lineStart) this.#endLine(this.#position, this.#count)
    this.#starts.push(this.#lineStart)
    return { starts: this.#starts.finish(), counts: this.#counts.finish(), largest: this.#largest }
  }

  #endLine(end: number, count: number): void {
    if (end - this.#lineStart > longestLine) throw this.#fault(`the line is longer than ${longestLine} bytes.`)
    this.#starts.push(this.#lineStart)
    this.#counts.push(count)
    this.#lineStart = end
  }

  #unexpected(byte: number, position: number): DataError {
    const isText = byte > 0x20 && byte < 0x7f
    const found = isText ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, '0')}`
    return this.#fault(
      `labels are whole numbers from 0 on with spaces between; column ${position - this.#lineStart + 1} is ${found}.`,
    )
  }

  #fault(message: string): DataError {
    return new DataError(message, {
      file: `${this.#file}:${this.#counts.length + 1}`,
      field: 'labels',
      cure: 'Name a .km file: a line of labels for each utterance.',
    })
  }
}

/**
 * The labels of one line that a {@link FrameLabelScanner} has found good.
 *
 * @returns labels `[start, start + length)` of the line, or undefined when the bytes are not `count` labels of at most `largest` any more.
 */
export const parseFrameLabels = (
  line: Uint8Array,
  { count, largest, start, length }: { count: number; largest: number; start: number; length: number },
): Int32Array | undefined => {
  const labels = new Int32Array(length)
  let [found, value] = [0, -1]
  for (let at = 0; at <= line.length; at++) {
    const byte = at < line.length ? line[at]! : lineFeed
    const digit = byte - zero
    if (digit >= 0 && digit <= 9) {
      value = (value < 0 ? 0 : value * 10) + digit
      if (value > largest) return undefined
      continue
    }
    const isEnd = byte === lineFeed || byte === carriageReturn
    if (byte !== space && byte !== tab && !(isEnd && at >= line.length - 2)) return undefined
    if (value < 0) continue
    if (found >= start && found < start + length) labels[found - start] = value
    found++
    value = -1
  }
  return found === count ? labels : undefined
}
