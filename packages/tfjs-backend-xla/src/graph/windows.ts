import { type Block, makeBlock } from './block'
import { Graph, type Node } from './graph'
import { Hlo } from './hlo'
import { type ElementType, isFloat, printType } from './types'

/** Where a window stands on each axis of its operand. */
export interface WindowOptions {
  readonly window: readonly number[]
  readonly strides: readonly number[]
  readonly padding: readonly (readonly [number, number])[]
}

const array = (values: readonly number[]): string => `array<i64: ${values.join(', ')}>`

const windowAttributes = ({ window, strides, padding }: WindowOptions): string =>
  `window_dimensions = ${array(window)}, window_strides = ${array(strides)}, ` +
  `padding = dense<[${padding.map(([low, high]) => `[${low}, ${high}]`).join(', ')}]> : tensor<${padding.length}x2xi64>`

/** A region over scalars: what a reduction does with two values, what a scatter keeps. */
const combiner = (h: Hlo, elements: readonly ElementType[], build: (h: Hlo, values: Node[]) => Node[]): Block => {
  const inner = new Hlo(new Graph(h.graph.origin))
  const values = elements.map((element) => inner.graph.parameter({}, { element, shape: [] }))
  return makeBlock(values, build(inner, values))
}

/**
 * The largest (or smallest) value over `axes`; NaN where there is one. `stablehlo.maximum` says the same, but XLA's CPU
 * compiler drops a NaN that is the second operand, which its own reductions make of every element.
 */
export const reduceWithNan = (
  h: Hlo,
  op: 'maximum' | 'minimum',
  x: Node,
  axes: readonly number[],
  keepDims = false,
): Node => {
  const { element, shape } = x.type
  if (axes.length === 0) return x
  if (!isFloat(element)) return h.reduce(op, x, axes, keepDims)
  const better = combiner(h, [element, element], (inner, [a, b]) => {
    const keep = inner.compare(op === 'maximum' ? 'GT' : 'LT', a!, b!)
    return [inner.select(inner.binary('or', keep, inner.compare('NE', a!, a!)), a!, b!)]
  })
  const initial = h.constant(op === 'maximum' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, element)
  const reduced = h.graph.node('stablehlo.reduce', [x, initial], {
    type: { element, shape: shape.filter((_, i) => !axes.includes(i)) },
    attributes: `dimensions = ${array([...axes].sort((a, b) => a - b))}`,
    regions: [better],
  })
  return keepDims
    ? h.reshape(
        reduced,
        shape.map((n, i) => (axes.includes(i) ? 1 : n)),
      )
    : reduced
}

/** The largest value of every window and its element of `positions` (i32, of `x`'s shape); -1 where a window has none. The first of equals counts. */
export const windowArgMax = (h: Hlo, x: Node, positions: Node, options: WindowOptions): [Node, Node] => {
  const { element } = x.type
  const { window, strides, padding } = options
  const shape = x.type.shape.map(
    (n, i) => Math.floor((n + padding[i]![0] + padding[i]![1] - window[i]!) / strides[i]!) + 1,
  )
  const first = combiner(h, [element, 'i32', element, 'i32'], (inner, [a, i, b, j]) => {
    const tie = inner.binary('and', inner.compare('EQ', b!, a!), inner.compare('LT', j!, i!))
    const take = inner.binary('or', inner.compare('GT', b!, a!), tie)
    return [inner.select(take, b!, a!), inner.select(take, j!, i!)]
  })
  const lowest = isFloat(element) ? Number.NEGATIVE_INFINITY : -2147483648
  const results = [element, 'i32' as const].map((type) => ({ element: type, shape }))
  const node = h.graph.node(
    'stablehlo.reduce_window',
    [x, positions, h.constant(lowest, element), h.constant(-1, 'i32')],
    { type: results[0]!, results, attributes: windowAttributes(options), regions: [first] },
  )
  return [h.graph.result(node, 0), h.graph.result(node, 1)]
}

/** Adds each of `source`'s values at the element of `x` that is largest in its window: the gradient of max pooling. */
export const scatterToMax = (
  h: Hlo,
  x: Node,
  source: Node,
  options: WindowOptions & { readonly ties: 'first' | 'last' },
): Node => {
  const { element, shape } = x.type
  const select = combiner(h, [element, element], (inner, [a, b]) => [
    inner.compare(options.ties === 'first' ? 'GE' : 'GT', a!, b!),
  ])
  const scatter = combiner(h, [element, element], (inner, [a, b]) => [inner.add(a!, b!)])
  if (source.type.element !== element)
    throw new Error(`scatterToMax of ${printType(source.type)} into ${printType(x.type)}: the element types differ.`)
  return h.graph.node('stablehlo.select_and_scatter', [x, source, h.constant(0, element)], {
    type: { element, shape },
    attributes: windowAttributes(options),
    regions: [select, scatter],
  })
}
