import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core'
import { type Flat, flatten } from '../nest'

/** What one step sees of stacked tensors: each without its first axis. */
export type Row<T> = T extends Tensor1D
  ? Scalar
  : T extends Tensor2D
    ? Tensor1D
    : T extends Tensor3D
      ? Tensor2D
      : T extends Tensor4D
        ? Tensor3D
        : T extends Tensor5D
          ? Tensor4D
          : T extends Tensor
            ? Tensor
            : T extends object
              ? { [K in keyof T]: Row<T[K]> }
              : T

/** The results of all steps: each tensor with a first axis more, one entry a step. */
export type Stacked<T> = T extends Scalar
  ? Tensor1D
  : T extends Tensor1D
    ? Tensor2D
    : T extends Tensor2D
      ? Tensor3D
      : T extends Tensor3D
        ? Tensor4D
        : T extends Tensor4D
          ? Tensor5D
          : T extends Tensor
            ? Tensor
            : T extends object
              ? { [K in keyof T]: Stacked<T[K]> }
              : T

/** A value that must not change its structure, shapes or types did. */
export class StructureError extends TypeError {
  override readonly name = 'StructureError'
}

const describe = (tensor: Tensor): string => `${tensor.dtype} [${tensor.shape.join(', ')}]`

/**
 * Takes `value` apart and checks it against `expected`.
 *
 * @param what What the value is, for messages: `the carry that scan's function returns`.
 * @param as What `expected` is: `the carry it was given`.
 */
export const flattenLike = (value: unknown, expected: Flat, what: string, as: string): Tensor[] => {
  const flat = flatten(value, what)
  const differing = flat.paths.findIndex((path, i) => path !== expected.paths[i])
  if (flat.paths.length !== expected.paths.length || differing >= 0) {
    const list = (paths: readonly string[]) => paths.map((path) => path || 'the value itself').join(', ') || 'none'
    throw new StructureError(
      `${what} has another structure than ${as}: its tensors are at ${list(flat.paths)}, those of the other at ${list(expected.paths)}.`,
    )
  }
  flat.tensors.forEach((tensor, i) => {
    const other = expected.tensors[i]!
    if (tensor.dtype === other.dtype && tensor.shape.join() === other.shape.join()) return
    const path = flat.paths[i] ? ` at ${flat.paths[i]}` : ''
    throw new StructureError(
      `${what} is ${describe(tensor)}${path}, where ${as} is ${describe(other)}: shapes and types must stay the same. ` +
        'Cast or reshape it, or start with what the function returns.',
    )
  })
  if (flat.structure.key !== expected.structure.key) {
    throw new StructureError(
      `${what} differs from ${as} in a value that is not a tensor (${flat.structure.key} and ${expected.structure.key}): what changes from step to step must be a tensor.`,
    )
  }
  return flat.tensors
}
