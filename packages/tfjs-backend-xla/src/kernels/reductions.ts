import { util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo, ReduceOp } from '../graph/hlo'
import { sizeOf } from '../graph/types'
import { reduceWithNan } from '../graph/windows'
import { defineXlaKernel } from './define'

interface AxisAttributes {
  readonly axis?: number | number[] | undefined
  /** What the Max kernel calls its axes. */
  readonly reductionIndices?: number | number[] | undefined
  readonly keepDims?: boolean
}

const axesOf = (x: Node, axis: number | number[] | undefined): number[] =>
  util.parseAxisParam(axis as number[], [...x.type.shape])

/** Position of the largest (or smallest) value along an axis; the first among equals. */
const argExtreme = (h: Hlo, x: Node, axis: number, op: 'maximum' | 'minimum'): Node => {
  const best = h.reduce(op, x, [axis], true)
  const positions = h.iota(x.type.shape, axis)
  const candidates = h.select(h.compare('EQ', x, best), positions, h.constant(x.type.shape[axis]! - 1, 'i32'))
  return h.reduce('minimum', candidates, [axis])
}

/** Running sum along an axis. */
export const cumulative = (h: Hlo, x: Node, axis: number, exclusive: boolean, reverse: boolean, op: ReduceOp): Node => {
  const { shape } = x.type
  const n = shape[axis]!
  if (n === 0) return x
  const ones = shape.map(() => 1)
  const span = exclusive ? n - 1 : n
  if (span === 0) return h.constant(op === 'add' ? 0 : 1, x.type.element, shape)
  const window = shape.map((_, i) => (i === axis ? n : 1))
  const padding = shape.map((_, i): [number, number] => (i !== axis ? [0, 0] : reverse ? [0, n - 1] : [n - 1, 0]))
  const sums = h.reduceWindow(op, x, window, ones, padding)
  if (!exclusive) return sums
  const from = shape.map((_, i) => (i === axis && reverse ? 1 : 0))
  const to = shape.map((size, i) => (i === axis && !reverse ? size - 1 : size))
  const low = shape.map((_, i) => (i === axis && !reverse ? 1 : 0))
  const high = shape.map((_, i) => (i === axis && reverse ? 1 : 0))
  return h.pad(h.slice(sums, from, to), h.constant(op === 'add' ? 0 : 1, x.type.element), low, high)
}

export const softmax = (h: Hlo, x: Node, axes: readonly number[]): Node => {
  const exps = h.exp(h.sub(x, h.reduce('maximum', x, axes, true)))
  return h.div(exps, h.sum(exps, axes, true))
}

export const registerReductions = (): void => {
  const ops: Record<string, ReduceOp> = {
    Sum: 'add',
    Prod: 'multiply',
    Max: 'maximum',
    Min: 'minimum',
    All: 'and',
    Any: 'or',
  }
  for (const [name, op] of Object.entries(ops)) {
    defineXlaKernel<AxisAttributes>(name, ({ h, inputs, attrs, device }) => {
      const x = inputs.x!
      const axes = axesOf(x, attrs.axis ?? attrs.reductionIndices)
      const logical = name === 'All' || name === 'Any'
      if (x.type.element === 'i1' && (name === 'Max' || name === 'Min')) {
        return h.reduce(name === 'Max' ? 'or' : 'and', x, axes, attrs.keepDims)
      }
      if (device === 'cpu' && (op === 'maximum' || op === 'minimum')) {
        return reduceWithNan(h, op, x, axes, attrs.keepDims)
      }
      const value = logical ? h.convert(x, 'i1') : x.type.element === 'i1' ? h.convert(x, 'i32') : x
      return h.reduce(op, value, axes, attrs.keepDims)
    })
  }
  defineXlaKernel<AxisAttributes>('Mean', ({ h, inputs, attrs }) => {
    const x = h.convert(inputs.x!, 'f32')
    const axes = axesOf(x, attrs.axis)
    const count = sizeOf(axes.map((axis) => x.type.shape[axis]!))
    return h.div(h.sum(x, axes, attrs.keepDims), h.constant(count))
  })
  for (const [name, op] of [
    ['ArgMax', 'maximum'],
    ['ArgMin', 'minimum'],
  ] as const) {
    defineXlaKernel<{ axis: number }>(name, ({ h, inputs, attrs }) =>
      argExtreme(h, inputs.x!, axesOf(inputs.x!, attrs.axis)[0]!, op),
    )
  }
  for (const [name, op] of [
    ['Cumsum', 'add'],
    ['Cumprod', 'multiply'],
  ] as const) {
    defineXlaKernel<{ axis: number; exclusive: boolean; reverse: boolean }>(name, ({ h, inputs, attrs }) =>
      cumulative(h, inputs.x!, axesOf(inputs.x!, attrs.axis)[0]!, attrs.exclusive, attrs.reverse, op),
    )
  }
  defineXlaKernel<{ dim: number }>('Softmax', ({ h, inputs, attrs }) =>
    softmax(h, inputs.logits!, axesOf(inputs.logits!, attrs.dim)),
  )
  defineXlaKernel<{ axis: number }>('LogSoftmax', ({ h, inputs, attrs }) => {
    const x = inputs.logits!
    const axes = axesOf(x, attrs.axis)
    const shifted = h.sub(x, h.reduce('maximum', x, axes, true))
    return h.sub(shifted, h.log(h.sum(h.exp(shifted), axes, true)))
  })
}
