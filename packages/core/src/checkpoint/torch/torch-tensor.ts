import { dtypeBytes, elementCount, type HostTensor, type TensorData, viewAs } from '../host-tensor'
import type { ByteSource } from './byte-source'
import type { TorchTensor } from './pickle-values'
import { TorchFileError } from './torch-file-error'

/** The elements of the storage that a tensor uses lie between `first` and `end`. */
const extent = ({ shape, strides, offset }: TorchTensor): { first: number; end: number } => {
  if (elementCount(shape) === 0) return { first: offset, end: offset }
  return { first: offset, end: shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset) + 1 }
}

const isContiguous = ({ shape, strides }: TorchTensor): boolean => {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** Elements in row-major order, picked out of a storage's by the tensor's strides. */
const gather = ({ shape, strides }: TorchTensor, from: TensorData, into: TensorData): void => {
  const rank = shape.length
  const index = new Array<number>(rank).fill(0)
  let at = 0
  for (let i = 0; i < into.length; i++) {
    into[i] = from[at]!
    for (let axis = rank - 1; axis >= 0; axis--) {
      at += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      at -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
}

/**
 * Reads a tensor's numbers. The storage's begin at byte `storageAt`; only the part that the tensor uses is read. At most the storage's
 * bytes and the file's size again are allocated.
 *
 * @param verify called with the bytes if they are the whole storage.
 */
export const readTorchTensor = async (
  source: ByteSource,
  storageAt: number,
  tensor: TorchTensor,
  verify: (bytes: Uint8Array) => void,
): Promise<HostTensor> => {
  const { dtype, shape, storage } = tensor
  const width = dtypeBytes(dtype)
  const count = elementCount(shape)
  if (count * width > source.size) {
    throw new TorchFileError(
      `A tensor of sizes [${shape}] repeats its numbers to ${count * width} bytes, more than the file has.`,
      'bad-tensor',
      { file: source.file },
    )
  }
  const { first, end } = extent(tensor)
  const begin = storage.start * dtypeBytes(storage.dtype) + first * width
  const bytes = await source.read(storageAt + begin, (end - first) * width)
  if (begin === 0 && bytes.length === storage.length * dtypeBytes(storage.dtype)) verify(bytes)
  const data = viewAs(dtype, bytes.buffer)
  if (isContiguous(tensor)) return { dtype, shape, data }
  const rows = viewAs(dtype, new ArrayBuffer(count * width))
  gather(tensor, data, rows)
  return { dtype, shape, data: rows }
}
