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

/** As much of a tensor as TensorFlow.js's shape checks look at. */
const shaped = (node: Node) =>
  ({
    shape: [...node.type.shape],
    rank: node.type.shape.length,
    dtype: tfDtype(node.type.element),
  }) as unknown as Tensor

export const registerGather = (): void => {
  defineXlaKernel<{ axis: number; batchDims: number }>('GatherV2', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const indices = h.convert(inputs.indices!, 'i32')
    const axis = util.parseAxisParam(attrs.axis, [...x.type.shape])[0]!
    const { batchDims = 0 } = attrs
    backend_util.segment_util.collectGatherOpShapeInfo(shaped(x), shaped(indices), axis, batchDims)
    return gather(h, x, indices, axis, batchDims < 0 ? batchDims + indices.type.shape.length : batchDims)
  })
  defineXlaKernel('GatherNd', ({ h, inputs }) => {
    gather_util.prepareAndValidate(shaped(inputs.params!), shaped(inputs.indices!))
    return h.gatherNd(inputs.params!, h.convert(inputs.indices!, 'i32'))
  })
  defineXlaKernel<{ shape: number[] }>('ScatterNd', ({ h, inputs, attrs }) => {
    const { updates, indices } = inputs as { updates: Node; indices: Node }
    // A list of indices addresses rows one by one.
    const vectors = indices.type.shape.length === 1 ? h.reshape(indices, [...indices.type.shape, 1]) : indices
    return h.scatterNd('add', h.constant(0, updates.type.element, attrs.shape), h.convert(vectors, 'i32'), updates)
  })
  defineXlaKernel('TensorScatterUpdate', ({ h, inputs }) =>
    h.scatterNd('assign', inputs.tensor!, h.convert(inputs.indices!, 'i32'), inputs.updates!),
  )
  defineXlaKernel<{ numSegments: number }>('UnsortedSegmentSum', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const ids = h.convert(inputs.segmentIds!, 'i32')
    const inner = x.type.shape.slice(ids.type.shape.length)
    const zeros = h.constant(0, x.type.element, [attrs.numSegments, ...inner])
    return h.scatterNd('add', zeros, h.reshape(ids, [...ids.type.shape, 1]), x)
  })
}
