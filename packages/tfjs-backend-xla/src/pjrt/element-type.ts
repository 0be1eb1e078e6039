import { XlaError } from './errors'

/** Number of each type in `PJRT_Buffer_Type`, and bytes an element takes in host memory. */
const ELEMENT_TYPES = {
  i1: { code: 1, bytes: 1 },
  i8: { code: 2, bytes: 1 },
  i16: { code: 3, bytes: 2 },
  i32: { code: 4, bytes: 4 },
  i64: { code: 5, bytes: 8 },
  u8: { code: 6, bytes: 1 },
  u16: { code: 7, bytes: 2 },
  u32: { code: 8, bytes: 4 },
  u64: { code: 9, bytes: 8 },
  f16: { code: 10, bytes: 2 },
  f32: { code: 11, bytes: 4 },
  f64: { code: 12, bytes: 8 },
  bf16: { code: 13, bytes: 2 },
  c64: { code: 14, bytes: 8 },
  c128: { code: 15, bytes: 16 },
} as const

/**
 * Element type of a tensor, as StableHLO names it, with two exceptions: unsigned integers are `u8`…`u64` (`ui8` in
 * StableHLO), complex numbers `c64` and `c128` by their bits. An `i1` takes one byte, 0 or 1.
 */
export type ElementType = keyof typeof ELEMENT_TYPES

/** Element type and dimensions of a tensor; a scalar has no dimensions. */
export interface TensorSpec {
  readonly type: ElementType
  readonly dims: readonly number[]
}

export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(ELEMENT_TYPES, name)
}

/** Number of the type in `PJRT_Buffer_Type`; XLA aborts the process on a number it does not know, so this throws first. */
export function elementTypeCode(type: ElementType): number {
  const entry = ELEMENT_TYPES[type]
  if (!entry) throw new XlaError(`Unknown element type '${type}'; known are ${Object.keys(ELEMENT_TYPES).join(', ')}`)
  return entry.code
}

export function elementTypeFromCode(code: number): ElementType | undefined {
  for (const [name, entry] of Object.entries(ELEMENT_TYPES)) if (entry.code === code) return name as ElementType
  return undefined
}

/** Bytes the tensor takes in host memory, row-major and unpadded. */
export function specByteLength(spec: TensorSpec): number {
  let bytes: number = ELEMENT_TYPES[spec.type]?.bytes ?? 0
  if (bytes === 0) elementTypeCode(spec.type)
  for (const dim of spec.dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new XlaError(`Dimensions must be non-negative integers, not [${spec.dims.join(', ')}]`)
    }
    bytes *= dim
  }
  return bytes
}

/** The tensor type as StableHLO writes it, e.g. `tensor<2x3xf32>`; for messages. */
export function specToString(spec: TensorSpec): string {
  return `tensor<${[...spec.dims, spec.type].join('x')}>`
}

export function sameSpec(a: TensorSpec, b: TensorSpec): boolean {
  if (a === b) return true
  if (a.type !== b.type || a.dims.length !== b.dims.length) return false
  for (let i = 0; i < a.dims.length; i++) if (a.dims[i] !== b.dims[i]) return false
  return true
}
