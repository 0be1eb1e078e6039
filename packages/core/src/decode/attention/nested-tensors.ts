import * as tf from '@tensorflow/tfjs-core'

/** Tensors in arrays and plain objects, as deep as wanted; what is undefined stays so. */
export type NestedTensors =
  | tf.Tensor
  | undefined
  | readonly NestedTensors[]
  | { readonly [name: string]: NestedTensors }

/** The same structure with each tensor replaced. */
export const mapTensors = <T>(nested: T, replace: (tensor: tf.Tensor) => tf.Tensor): T => {
  if (nested instanceof tf.Tensor) return replace(nested) as T
  if (Array.isArray(nested)) return nested.map((part) => mapTensors(part, replace)) as T
  if (typeof nested !== 'object' || nested === null) return nested
  return Object.fromEntries(Object.entries(nested).map(([name, part]) => [name, mapTensors(part, replace)])) as T
}

/** The tensors of a structure, in the order of its entries. */
export const tensorsOf = (nested: unknown): tf.Tensor[] => {
  const found: tf.Tensor[] = []
  mapTensors(nested, (tensor) => {
    found.push(tensor)
    return tensor
  })
  return found
}

/**
 * Repeats each row of every tensor (axis 0: the utterances of a batch) for the beams of a search: [u0, u1] -> [u0, u0, u1, u1]. The
 * new tensors belong to the caller.
 */
export const repeatForBeams = <T>(nested: T, beamWidth: number): T =>
  mapTensors(nested, (tensor) => {
    const rows = tensor.shape[0]!
    const from = Int32Array.from({ length: rows * beamWidth }, (_, row) => Math.floor(row / beamWidth))
    return tf.tidy(() => tf.gather(tensor, tf.tensor1d(from, 'int32')))
  })
