import { backend_util, gather_util, type Tensor, util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { sizeOf, tfDtype } from '../graph/types'
import { defineXlaKernel } from './define'

/** Gather along `axis` with `batchDims` leading axes shared by values and indices. */
const gather = (h: Hlo, x: Node, indices: Node, axis: number, batchDims: number): Node => {
  if (batchDims === 0) return h.take(x, indices, axis)
  const batch = x.type.shape.slice(0, batchDims)
  const count = sizeOf(batch)
  const middle = x.type.shape.slice(batchDims, axis)
  const after = x.type.shape.slice(axis + 1)
  const n = x.type.shape[axis]!
  const inner = indices.type.shape.slice(batchDims)
  // Batch rows are laid end to end along the gathered axis, and each index is moved to its own row's stretch.
  const rows = h.reshape(x, [count, ...middle, n, ...after])
  const moved = h.transpose(rows, [
    ...middle.map((_, i) => i + 1),
    0,
    middle.length + 1,
    ...after.map((_, i) => middle.length + 2 + i),
  ])
  const flat = h.reshape(moved, [...middle, count * n, ...after])
  const index = h.reshape(indices, [count, sizeOf(inner)])
  const offset = h.mul(h.iota([count, sizeOf(inner)], 0), h.constant(n, 'i32'))
  const taken = h.take(flat, h.add(index, offset), middle.length)
  const m = middle.length
  const back = h.transpose(taken, [m, ...middle.map((_, i) => i), m + 1, ...after.map((_, i) => m + 2 + i)])
  return h.reshape(back, [...batch, ...middle, ...inner, ...after])
}

/** Checks index vectors of length `depth` that the host knows. Unknown ones are clamped where they are read, dropped where they are written to. */
export const assertIndexes = (values: ArrayLike<number> | undefined, depth: number, shape: readonly number[]): void => {
  if (!values || depth === 0) return
  for (let from = 0; from < values.length; from += depth) {
    const vector = Array.from({ length: depth }, (_, i) => values[from + i]!)
    const at = vector.reduce((flat, index, i) => flat * shape[i]! + index, 0)
    if (at < 0 || at >= sizeOf(shape.slice(0, depth)))
      throw new Error(`Invalid indices: ${vector} does not index into ${shape}`)
  }
}

/** As much of a tensor as TensorFlow.js's shape checks look at. */
export const shaped = (node: Node) =>
  ({
    shape: [...node.type.shape],
    rank: node.type.shape.length,
    dtype: tfDtype(node.type.element),
  }) as unknown as Tensor

export const registerGather = (): void => {
  defineXlaKernel<{ axis: number; batchDims: number }>('GatherV2', ({ h, inputs, attrs, hostValues }) => {
    const x = inputs.x!
    const indices = h.convert(inputs.indices!, 'i32')
    const axis = util.parseAxisParam(attrs.axis, [...x.type.shape])[0]!
    const { batchDims = 0 } = attrs
    for (const index of hostValues(inputs.indices!) ?? []) {
      const last = x.type.shape[axis]! - 1
      util.assert(index >= 0 && index <= last, () => `GatherV2: the index value ${index} is not in [0, ${last}]`)
    }
    backend_util.segment_util.collectGatherOpShapeInfo(shaped(x), shaped(indices), axis, batchDims)
    return gather(h, x, indices, axis, batchDims < 0 ? batchDims + indices.type.shape.length : batchDims)
  })
  defineXlaKernel('GatherNd', ({ h, inputs, hostValues }) => {
    gather_util.prepareAndValidate(shaped(inputs.params!), shaped(inputs.indices!))
    assertIndexes(hostValues(inputs.indices!), inputs.indices!.type.shape.at(-1)!, inputs.params!.type.shape)
    return h.gatherNd(inputs.params!, h.convert(inputs.indices!, 'i32'))
  })
}
