import { dtypeBytes, elementCount, type HostTensor, type SafetensorsDtype, viewAs } from '../host-tensor'
import { type NumpyArray, NumpyDtype, type PickleValue } from './pickle-values'

const dtypes: ReadonlyMap<string, SafetensorsDtype> = new Map([
  ['f2', 'F16'],
  ['f4', 'F32'],
  ['f8', 'F64'],
  ['i1', 'I8'],
  ['i2', 'I16'],
  ['i4', 'I32'],
  ['i8', 'I64'],
  ['u1', 'U8'],
  ['u2', 'U16'],
  ['u4', 'U32'],
  ['u8', 'U64'],
  ['b1', 'BOOL'],
])

/** The element type in our terms, if it is one of numbers in little-endian order. */
const elementType = (dtype: PickleValue | undefined): SafetensorsDtype | undefined =>
  dtype instanceof NumpyDtype && dtype.littleEndian ? dtypes.get(dtype.code.replace(/^[<|=]/, '')) : undefined

/** The tensor of these bytes, or undefined if they are not of that type and shape. */
export const numpyTensor = (
  dtype: PickleValue | undefined,
  shape: PickleValue | undefined,
  fortranOrder: boolean,
  bytes: PickleValue | undefined,
): HostTensor | undefined => {
  const type = elementType(dtype)
  if (!type || !(bytes instanceof Uint8Array) || !Array.isArray(shape) || shape.length > 64) return undefined
  if (!shape.every((size) => typeof size === 'number')) return undefined
  const sizes = [...shape]
  if (elementCount(sizes) * dtypeBytes(type) !== bytes.length || (fortranOrder && sizes.length > 1)) return undefined
  return { dtype: type, shape: sizes, data: viewAs(type, Uint8Array.from(bytes).buffer) }
}

/** `numpy.core.multiarray.scalar(dtype, bytes)`: the number. */
export const numpyScalar = (args: readonly PickleValue[]): PickleValue | undefined => {
  const tensor = numpyTensor(args[0], [], false, args[1])
  const value = tensor?.data[0]
  if (tensor === undefined || tensor.dtype === 'F16') return undefined
  return tensor.dtype === 'BOOL' ? value !== 0 : value
}

/** Gives an array or element type its state. An array of objects, or in another byte or axis order, stays without a tensor. */
export const buildNumpy = (object: NumpyArray | NumpyDtype, state: PickleValue): void => {
  if (!Array.isArray(state)) return
  if (object instanceof NumpyDtype) object.littleEndian = state[1] !== '>'
  else object.tensor = numpyTensor(state[2], state[1], state[3] === true, state[4])
}
