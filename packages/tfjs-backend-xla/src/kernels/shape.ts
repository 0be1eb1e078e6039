import { backend_util, registerKernel, slice_util, type TensorInfo, util } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import type { Node } from '../graph/graph'
import { sizeOf } from '../graph/types'
import { defineXlaKernel } from './define'

const normal = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export const registerShape = (): void => {
  registerKernel({
    kernelName: 'Identity',
    backendName: 'xla',
    kernelFunc: ({ inputs, backend }): TensorInfo => {
      const { dataId, shape, dtype } = inputs.x as TensorInfo
      ;(backend as XlaBackend).incRef(dataId)
      return { dataId, shape, dtype }
    },
  })
  defineXlaKernel<{ shape: number[] }>('Reshape', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    return h.reshape(x, util.inferFromImplicitShape(attrs.shape, sizeOf(x.type.shape)))
  })
  defineXlaKernel<{ dim: number }>('ExpandDims', ({ h, inputs, attrs }) => {
    const shape = [...inputs.input!.type.shape]
    util.assert(
      attrs.dim >= -(shape.length + 1),
      () => `expandDims: axis ${attrs.dim} is outside [${-(shape.length + 1)}, ${shape.length}].`,
    )
    shape.splice(normal(attrs.dim, shape.length + 1), 0, 1)
    return h.reshape(inputs.input!, shape)
  })
  defineXlaKernel<{ perm: number[] }>('Transpose', ({ h, inputs, attrs }) => h.transpose(inputs.x!, attrs.perm))
  defineXlaKernel<{ shape: number[] }>('BroadcastTo', ({ h, inputs, attrs }) => h.broadcast(inputs.x!, attrs.shape))
  defineXlaKernel<{ reps: number[] }>('Tile', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const { shape } = x.type
    const split = shape.flatMap((n, i) => [attrs.reps[i]!, n])
    const axes = shape.map((_, i) => 2 * i + 1)
    return h.reshape(
      h.broadcastInDim(x, split, axes),
      shape.map((n, i) => n * attrs.reps[i]!),
    )
  })
  defineXlaKernel<{ axis: number }>('Concat', ({ h, list, attrs }) => {
    const axis = normal(attrs.axis, list[0]!.type.shape.length)
    const shapes = list.map((part) => [...part.type.shape])
    backend_util.assertParamsConsistent(shapes, axis)
    const out = backend_util.computeOutShape(shapes, axis)
    if (sizeOf(out) === 0) return h.constant(0, list[0]!.type.element, out)
    const filled = list.filter((part) => sizeOf(part.type.shape) > 0)
    return h.concat(filled, axis)
  })
  defineXlaKernel<{ axis: number }>('Pack', ({ h, list, attrs }) => {
    const axis = normal(attrs.axis, list[0]!.type.shape.length + 1)
    const [first] = list
    for (const part of list) {
      util.assertShapesMatch([...first!.type.shape], [...part.type.shape], 'stack: ')
      util.assert(part.type.element === first!.type.element, () => 'stack: the tensors differ in dtype.')
    }
    return h.concat(
      list.map((part) => h.reshape(part, part.type.shape.toSpliced(axis, 0, 1))),
      axis,
    )
  })
  defineXlaKernel<{ axis: number }>('Unpack', ({ h, inputs, attrs }) => {
    const x = inputs.value!
    const axis = normal(attrs.axis, x.type.shape.length)
    const rest = x.type.shape.toSpliced(axis, 1)
    return Array.from({ length: x.type.shape[axis]! }, (_, at) => {
      const start = x.type.shape.map((_n, i) => (i === axis ? at : 0))
      return h.reshape(
        h.slice(
          x,
          start,
          x.type.shape.map((n, i) => (i === axis ? at + 1 : n)),
        ),
        rest,
      )
    })
  })
  defineXlaKernel<{ numOrSizeSplits: number[] | number; axis: number }>('SplitV', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const axis = util.parseAxisParam(attrs.axis, [...x.type.shape])[0]!
    const sizes = backend_util.prepareSplitSize({ shape: [...x.type.shape] } as never, attrs.numOrSizeSplits, axis)
    let from = 0
    return sizes.map((size): Node => {
      const start = x.type.shape.map((_, i) => (i === axis ? from : 0))
      from += size
      return h.slice(
        x,
        start,
        x.type.shape.map((n, i) => (i === axis ? from : n)),
      )
    })
  })
  defineXlaKernel<{ begin: number[]; size: number[] }>('Slice', ({ h, inputs, attrs, isTracing, argument }) => {
    const x = inputs.x!
    const [begin, size] = slice_util.parseSliceParams(
      { shape: [...x.type.shape] } as never,
      attrs.begin,
      attrs.size,
    ) as [number[], number[]]
    slice_util.assertParamsValid({ shape: [...x.type.shape], rank: x.type.shape.length } as never, begin, size)
    // A batch cut out of a data set: one program serves all batches.
    if (!isTracing && x.op === 'parameter' && begin.some((from) => from > 0)) {
      const at = argument(Int32Array.from(begin))
      const starts = begin.map((_, axis) => h.reshape(h.slice(at, [axis], [axis + 1]), []))
      return h.dynamicSlice(x, starts, size)
    }
    return h.slice(
      x,
      begin,
      begin.map((from, i) => from + size[i]!),
    )
  })
  defineXlaKernel<{
    begin: number[]
    end: number[]
    strides: number[]
    beginMask: number
    endMask: number
    ellipsisMask: number
    newAxisMask: number
    shrinkAxisMask: number
  }>('StridedSlice', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const info = slice_util.sliceInfo(
      [...x.type.shape],
      attrs.begin,
      attrs.end,
      attrs.strides,
      attrs.beginMask,
      attrs.endMask,
      attrs.ellipsisMask,
      attrs.newAxisMask,
      attrs.shrinkAxisMask,
    )
    const sparse = info.finalShapeSparse
    if (sizeOf(sparse) === 0) return h.constant(0, x.type.element, sparse)
    if (info.isIdentity) return h.reshape(x, info.finalShape)
    const backwards = info.strides.flatMap((stride, i) => (stride < 0 ? [i] : []))
    const source = h.reverse(x, backwards)
    // After the reversal a negative stride counts from the other end.
    const start = info.begin.map((from, i) => (info.strides[i]! < 0 ? x.type.shape[i]! - 1 - from : from))
    const strides = info.strides.map(Math.abs)
    const counts = info.begin.map((from, i) => Math.max(0, Math.ceil((info.end[i]! - from) / info.strides[i]!)))
    const limit = start.map((from, i) => (counts[i] === 0 ? from : from + (counts[i]! - 1) * strides[i]! + 1))
    return h.reshape(h.slice(source, start, limit, strides), info.finalShape)
  })
  defineXlaKernel<{ paddings: [number, number][]; constantValue: number }>('PadV2', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const value = h.constant(attrs.constantValue, x.type.element)
    return h.pad(
      x,
      value,
      attrs.paddings.map((p) => p[0]),
      attrs.paddings.map((p) => p[1]),
    )
  })
  defineXlaKernel<{ dims: number | number[] }>('Reverse', ({ h, inputs, attrs }) =>
    h.reverse(inputs.x!, util.parseAxisParam(attrs.dims, [...inputs.x!.type.shape])),
  )
  defineXlaKernel<{ paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>(
    'MirrorPad',
    ({ h, inputs, attrs }) => {
      const skip = attrs.mode === 'reflect' ? 1 : 0
      return attrs.paddings.reduce((x, [low, high], axis) => {
        const { shape } = x.type
        const cut = (from: number, to: number) =>
          h.reverse(
            h.slice(
              x,
              shape.map((_, i) => (i === axis ? from : 0)),
              shape.map((n, i) => (i === axis ? to : n)),
            ),
            [axis],
          )
        const n = shape[axis]!
        const parts = [...(low ? [cut(skip, low + skip)] : []), x, ...(high ? [cut(n - high - skip, n - skip)] : [])]
        return h.concat(parts, axis)
      }, inputs.x!)
    },
  )
  defineXlaKernel('BroadcastArgs', ({ h, inputs, hostValues }) => {
    const { s0, s1 } = inputs as Record<'s0' | 's1', Node>
    const known = [hostValues(s0), hostValues(s1)] as const
    if (known[0] && known[1]) backend_util.assertAndGetBroadcastShape(Array.from(known[0]), Array.from(known[1]))
    const rank = Math.max(s0.type.shape[0]!, s1.type.shape[0]!)
    const one = h.constant(1, 'i32')
    const [a, b] = [s0, s1].map((dims) => h.pad(h.convert(dims, 'i32'), one, [rank - dims.type.shape[0]!], [0]))
    return h.select(h.compare('EQ', a!, one), b!, a!)
  })
}
