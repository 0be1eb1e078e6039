import { DataError } from '../errors'
import { floatArray, type HostArray, intArray } from './batch-source'

/** Waveforms or label rows of different lengths in one array, and where they are real. */
export interface PaddedRows {
  /** `[rows, length]` */
  readonly values: HostArray
  /** int32 `[rows, length]`: 1 at real values, 0 at padding. */
  readonly attentionMask: HostArray
  /** int32 `[rows]` */
  readonly lengths: HostArray
}

const pad = (rows: readonly ArrayLike<number>[], length: number, target: Float32Array | Int32Array): Int32Array => {
  const mask = new Int32Array(rows.length * length)
  rows.forEach((row, index) => {
    if (row.length > length) {
      throw new DataError(`row ${index} has ${row.length} values, more than the ${length} that it is to be padded to.`)
    }
    target.set(row, index * length)
    mask.fill(1, index * length, index * length + row.length)
  })
  return mask
}

const longest = (rows: readonly ArrayLike<number>[]): number =>
  rows.reduce((most, row) => Math.max(most, row.length), 0)

/** Pads float rows (waveforms) at their end with zeros, to `length` or the longest row. */
export const padFloats = (rows: readonly Float32Array[], length: number = longest(rows)): PaddedRows => {
  const data = new Float32Array(rows.length * length)
  const mask = pad(rows, length, data)
  const shape = [rows.length, length]
  const lengths = Int32Array.from(rows, (row) => row.length)
  return {
    values: floatArray(data, shape),
    attentionMask: intArray(mask, shape),
    lengths: intArray(lengths, [rows.length]),
  }
}

/** Pads integer rows (labels) at their end with `padding`, to `length` or the longest row. Default padding 0. */
export const padIntegers = (
  rows: readonly ArrayLike<number>[],
  options: { length?: number; padding?: number } = {},
): PaddedRows => {
  const { length = longest(rows), padding = 0 } = options
  const data = new Int32Array(rows.length * length).fill(padding)
  const mask = pad(rows, length, data)
  const shape = [rows.length, length]
  const lengths = Int32Array.from(rows, (row) => row.length)
  return {
    values: intArray(data, shape),
    attentionMask: intArray(mask, shape),
    lengths: intArray(lengths, [rows.length]),
  }
}

/** A waveform cut or zero-padded at its end to exactly `length` samples. The same array when it fits already. */
export const padTo = (waveform: Float32Array, length: number): Float32Array => {
  if (waveform.length === length) return waveform
  const padded = new Float32Array(length)
  padded.set(waveform.subarray(0, length))
  return padded
}
