import { backend_util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import { sizeOf } from '../graph/types'
import { defineXlaKernel } from './define'
import { assertIndexes, shaped } from './gather'

export const registerScatter = (): void => {
  defineXlaKernel<{ shape: number[] }>('ScatterNd', ({ h, inputs, attrs, hostValues }) => {
    const { updates, indices } = inputs as Record<'updates' | 'indices', Node>
    // A list of indices addresses rows one by one.
    const vectors = indices.type.shape.length === 1 ? h.reshape(indices, [...indices.type.shape, 1]) : indices
    assertIndexes(hostValues(indices), vectors.type.shape.at(-1)!, attrs.shape)
    return h.scatterNd('add', h.constant(0, updates.type.element, attrs.shape), h.convert(vectors, 'i32'), updates)
  })
  defineXlaKernel('TensorScatterUpdate', ({ h, inputs, hostValues }) => {
    const { tensor, indices, updates } = inputs as Record<'tensor' | 'indices' | 'updates', Node>
    assertIndexes(hostValues(indices), indices.type.shape.at(-1)!, tensor.type.shape)
    return h.scatterNd('assign', tensor, h.convert(indices, 'i32'), updates)
  })
  defineXlaKernel<{ outputShape: number[] }>('SparseToDense', ({ h, inputs, attrs: { outputShape }, hostValues }) => {
    const { sparseIndices, sparseValues, defaultValue } = inputs as Record<
      'sparseIndices' | 'sparseValues' | 'defaultValue',
      Node
    >
    const { numUpdates, sliceRank } = backend_util.calculateShapes(
      shaped(sparseValues),
      shaped(sparseIndices),
      outputShape,
    )
    const dense = h.broadcast(h.reshape(h.convert(defaultValue, sparseValues.type.element), []), outputShape)
    if (numUpdates === 0 || sizeOf(outputShape) === 0) return dense
    assertIndexes(hostValues(sparseIndices), sliceRank, outputShape)
    const vectors = h.reshape(h.convert(sparseIndices, 'i32'), [numUpdates, sliceRank])
    return h.scatterNd(
      'assign',
      dense,
      vectors,
      h.broadcast(sparseValues, [numUpdates, ...outputShape.slice(sliceRank)]),
    )
  })
  defineXlaKernel<{ numSegments: number }>('UnsortedSegmentSum', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const ids = h.convert(inputs.segmentIds!, 'i32')
    const inner = x.type.shape.slice(ids.type.shape.length)
    const zeros = h.constant(0, x.type.element, [attrs.numSegments, ...inner])
    return h.scatterNd('add', zeros, h.reshape(ids, [...ids.type.shape, 1]), x)
  })
}
