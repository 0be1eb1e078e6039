import type { ElementType } from './types'

const scratch = new DataView(new ArrayBuffer(8))

/** A number as MLIR reads it back exactly: floats that have no short form are printed as their bits. */
export const formatScalar = (value: number, element: ElementType): string => {
  if (element === 'i1') return value ? 'true' : 'false'
  if (element === 'i32' || element === 'i64' || element === 'u32' || element === 'u8') return String(Math.trunc(value))
  if (element === 'f64') {
    scratch.setFloat64(0, value)
    return `0x${scratch.getBigUint64(0).toString(16).toUpperCase().padStart(16, '0')}`
  }
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  if (element === 'f32') return `0x${bits.toString(16).toUpperCase().padStart(8, '0')}`
  // Round to nearest even on the upper half; NaN keeps a mantissa bit.
  const rounded = Number.isNaN(value) ? 0x7fc0 : ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
  return `0x${rounded.toString(16).toUpperCase().padStart(4, '0')}`
}

/** Many numbers, as one hexadecimal string of their little-endian bytes. */
export const formatValues = (values: ArrayLike<number>, element: ElementType): string => {
  if (values.length === 0) return ''
  if (element === 'f32') return `"0x${Buffer.from(new Float32Array(values).buffer).toString('hex').toUpperCase()}"`
  if (element === 'i32') return `"0x${Buffer.from(new Int32Array(values).buffer).toString('hex').toUpperCase()}"`
  return `"0x${Buffer.from(bytesOf(values, element)).toString('hex').toUpperCase()}"`
}

const bytesOf = (values: ArrayLike<number>, element: ElementType): Uint8Array => {
  if (element === 'u32') return new Uint8Array(new Uint32Array(values).buffer)
  if (element === 'f64') return new Uint8Array(new Float64Array(values).buffer)
  if (element === 'u8') return Uint8Array.from(values)
  throw new TypeError(`constants of ${element} with several values are not supported.`)
}
