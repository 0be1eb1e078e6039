import type * as tf from '@tensorflow/tfjs-core'
import { fromFloat32, type HostTensor, type LazyTensor } from '../checkpoint/index'
import type { Module } from '../nn/index'

/** Precisions in which parameters are saved. */
export type SavedDtype = 'float32' | 'float16' | 'bfloat16'

const stored = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const

/**
 * A model's parameters and buffers for a writer, which reads them from the engine one by one. Whole numbers are stored as I64, as
 * PyTorch does.
 */
export const modelTensors = (model: Module, dtype: SavedDtype = 'float32'): [string, LazyTensor][] =>
  [...model.stateDict()].map(([name, tensor]) => {
    const { shape } = tensor
    const kind = tensor.dtype === 'int32' ? 'I64' : stored[dtype]
    return [name, { shape, dtype: kind, read: () => hostTensor(tensor, kind) }]
  })

const hostTensor = async (tensor: tf.Tensor, dtype: 'F32' | 'F16' | 'BF16' | 'I64'): Promise<HostTensor> => {
  const { shape } = tensor
  const data = await tensor.data()
  if (dtype === 'I64') return { dtype, shape, data: BigInt64Array.from(data as Int32Array, BigInt) }
  return fromFloat32(data as Float32Array, shape, dtype)
}
