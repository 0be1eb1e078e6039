import { Buffer } from 'node:buffer'
import { STRUCTS } from './layouts'
import { addressOf } from './native'

/**
 * Value of a create option. Whole numbers are sent as 64-bit integers, others as floats; an array is a list of
 * integers.
 */
export type CreateOptionValue = string | number | boolean | bigint | readonly number[]

/** `PJRT_NamedValue_Type` */
const NAMED_VALUE = { string: 0, int64: 1, int64List: 2, float: 3, bool: 4 } as const

/** Options that are floats even when their value is whole. */
const FLOAT_OPTIONS = new Set(['memory_fraction'])

export interface EncodedCreateOptions {
  readonly address: bigint
  readonly count: number
  /** Held, not used: the array and the strings it points to. */
  readonly memory: readonly ArrayBufferView[]
}

/** Lays options out as an array of `PJRT_NamedValue`. */
export function encodeCreateOptions(options: Readonly<Record<string, CreateOptionValue>>): EncodedCreateOptions {
  const entries = Object.entries(options)
  const { size, fields } = STRUCTS.NamedValue
  const view = new DataView(new ArrayBuffer(Math.max(8, size * entries.length)))
  const memory: ArrayBufferView[] = [view]
  const keep = <T extends ArrayBufferView>(bytes: T): bigint => {
    memory.push(bytes)
    return addressOf(bytes)
  }
  entries.forEach(([name, value], i) => {
    const at = i * size
    const setWord = (offset: number, word: bigint) => view.setBigInt64(at + offset, BigInt.asIntN(64, word), true)
    const setValue = (type: number, length: number) => {
      view.setInt32(at + fields.type, type, true)
      setWord(fields.value_size, BigInt(length))
    }
    const nameBytes = Buffer.from(name, 'utf8')
    setWord(0, BigInt(size))
    setWord(fields.name, keep(nameBytes))
    setWord(fields.name_size, BigInt(nameBytes.byteLength))
    if (typeof value === 'string') {
      const bytes = Buffer.from(value, 'utf8')
      setValue(NAMED_VALUE.string, bytes.byteLength)
      setWord(fields.value, keep(bytes))
    } else if (typeof value === 'boolean') {
      setValue(NAMED_VALUE.bool, 1)
      view.setUint8(at + fields.value, value ? 1 : 0)
    } else if (typeof value === 'object') {
      setValue(NAMED_VALUE.int64List, value.length)
      setWord(fields.value, keep(BigInt64Array.from(value, BigInt)))
    } else if (typeof value === 'number' && (!Number.isInteger(value) || FLOAT_OPTIONS.has(name))) {
      setValue(NAMED_VALUE.float, 1)
      view.setFloat32(at + fields.value, value, true)
    } else {
      setValue(NAMED_VALUE.int64, 1)
      setWord(fields.value, BigInt(value))
    }
  })
  return { address: addressOf(view), count: entries.length, memory }
}
