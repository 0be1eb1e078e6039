import { CheckpointError } from '../errors'

/** Array types that hold a tensor's elements on the host. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array

const arrayTypes = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  F8_E8M0: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const

/** Element types of a safetensors file that Babble reads and writes. */
export type SafetensorsDtype = keyof typeof arrayTypes

/** The element types, in the order in which the format ranks them (a canonical file stores the last of them first). */
export const safetensorsDtypes = Object.keys(arrayTypes) as readonly SafetensorsDtype[]

/**
 * A tensor in host memory, with its elements exactly as stored: `F16`, `BF16` and the 8-bit floats are held as their bit
 * patterns (`Uint16Array`, `Uint8Array`), `BOOL` as bytes, 64-bit integers as BigInt arrays. Row-major.
 */
export interface HostTensor {
  readonly data: TensorData
  readonly shape: readonly number[]
  readonly dtype: SafetensorsDtype
}

/** A tensor whose values are fetched when they are wanted: for writing more than memory holds. */
export interface LazyTensor {
  readonly shape: readonly number[]
  readonly dtype: SafetensorsDtype
  /** Fetches the values; called once when the tensor is written. */
  readonly read: () => HostTensor | Promise<HostTensor>
}

/** What a file can be written from. */
export type WritableTensor = HostTensor | LazyTensor

export function isSafetensorsDtype(name: unknown): name is SafetensorsDtype {
  return typeof name === 'string' && Object.hasOwn(arrayTypes, name)
}

/** Bytes of one element of `dtype`. */
export function dtypeBytes(dtype: SafetensorsDtype): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT
}

/** Views `buffer` as the elements of `dtype`; the buffer must start at the first element. */
export function viewAs(dtype: SafetensorsDtype, buffer: ArrayBuffer): TensorData {
  return new arrayTypes[dtype](buffer)
}

/** Number of elements of a tensor of this shape; `NaN` if a size is no non-negative integer or the product overflows. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) {
    count *= size
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(count)) return Number.NaN
  }
  return count
}

/** Refuses a tensor to come whose dtype or shape cannot be. */
export function checkLazyTensor(name: string, { dtype, shape }: LazyTensor, file?: string): void {
  if (isSafetensorsDtype(dtype) && Number.isSafeInteger(elementCount(shape) * dtypeBytes(dtype))) return
  throw new CheckpointError(`Tensor '${name}' of dtype '${String(dtype)}' and shape [${shape.join(', ')}] cannot be.`, {
    file,
    field: name,
    cure: `Use one of ${safetensorsDtypes.join(', ')}, and whole sizes.`,
  })
}

/** Refuses a tensor whose data is not the array type of its dtype, or not as long as its shape says. */
export function checkHostTensor(name: string, tensor: HostTensor, file?: string): void {
  const where = { file, field: name }
  if (!isSafetensorsDtype(tensor.dtype)) {
    throw new CheckpointError(`Tensor '${name}' has the unknown dtype '${String(tensor.dtype)}'.`, {
      ...where,
      cure: `Use one of ${safetensorsDtypes.join(', ')}.`,
    })
  }
  const expected = arrayTypes[tensor.dtype]
  if (!(tensor.data instanceof expected)) {
    throw new CheckpointError(
      `Tensor '${name}' of dtype ${tensor.dtype} is held in a ${tensor.data?.constructor?.name ?? typeof tensor.data}.`,
      { ...where, cure: `Hold it in a ${expected.name}.` },
    )
  }
  if (elementCount(tensor.shape) !== tensor.data.length) {
    throw new CheckpointError(
      `Tensor '${name}' has ${tensor.data.length} elements, but its shape [${tensor.shape.join(', ')}] does not.`,
      { ...where, cure: 'Pass a shape whose product is the number of elements.' },
    )
  }
}
