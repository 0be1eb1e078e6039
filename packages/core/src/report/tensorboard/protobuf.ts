/** A field of a protocol buffer message, encoded: its tag and value. */
export type Field = Uint8Array

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

const varintBytes = (value: number): number[] => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be a varint.`)
  const bytes: number[] = []
  // Division, since shifts would cut the number to 32 bits.
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80)
  return [...bytes, value]
}

const tag = (number: number, type: number): number[] => varintBytes(number * 8 + type)

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const fixed = (number: number, type: number, size: 4 | 8, value: number): Field => {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  if (size === 8) view.setFloat64(0, value, true)
  else view.setFloat32(0, value, true)
  return join([Uint8Array.from(tag(number, type)), bytes])
}

/** A message from its fields, which are to be given in the order of their numbers. */
export const message = (...fields: readonly (Field | undefined)[]): Uint8Array =>
  join(fields.filter((field) => field !== undefined))

/** A whole number, boolean or enum. */
export const integer = (number: number, value: number): Field =>
  Uint8Array.from([...tag(number, VARINT), ...varintBytes(value)])

export const double = (number: number, value: number): Field => fixed(number, FIXED64, 8, value)

export const float = (number: number, value: number): Field => fixed(number, FIXED32, 4, value)

/** Bytes, a text, or a message inside this one. */
export const bytes = (number: number, value: Uint8Array | string): Field => {
  const content = typeof value === 'string' ? new TextEncoder().encode(value) : value
  return join([Uint8Array.from([...tag(number, BYTES), ...varintBytes(content.length)]), content])
}

/** Repeated doubles, packed. */
export const doubles = (number: number, values: ArrayLike<number>): Field => {
  const view = new DataView(new ArrayBuffer(8 * values.length))
  for (let i = 0; i < values.length; i++) view.setFloat64(8 * i, values[i]!, true)
  return bytes(number, new Uint8Array(view.buffer))
}
