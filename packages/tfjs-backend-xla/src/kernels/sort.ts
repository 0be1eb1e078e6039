import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { defineXlaKernel } from './define'
import { unify } from './elementwise'

/** The `k` largest along the last axis with their positions, in falling order; of equals the first comes first. */
const topK = (h: Hlo, x: Node, k: number): [Node, Node] => {
  const { element } = x.type
  if (element === 'i1') {
    const [values, positions] = topK(h, h.convert(x, 'i32'), k)
    return [h.convert(values, 'i1'), positions]
  }
  const shape = [...x.type.shape.slice(0, -1), k]
  if (k === 0) return [h.constant(0, element, shape), h.constant(0, 'i32', shape)]
  const results = [element, 'i32' as const].map((type) => ({ element: type, shape }))
  const node = h.graph.node('chlo.top_k', [x], { type: results[0]!, results, attributes: `k = ${k} : i64` })
  return [h.graph.result(node, 0), h.graph.result(node, 1)]
}

/**
 * Where each of `values` [batch, m] would be put into its row of `sorted` [batch, n]: before its equals, or after. A binary
 * search over all values at once, which takes as many steps as the longest one.
 */
const searchSorted = (h: Hlo, sorted: Node, values: Node, side: 'left' | 'right'): Node => {
  const [batch, length] = sorted.type.shape as [number, number]
  const { shape } = values.type
  const flat = h.reshape(sorted, [batch * length])
  const rowStart = h.mul(h.iota(shape, 0), h.constant(length, 'i32'))
  const one = h.constant(1, 'i32')
  let low = h.constant(0, 'i32', shape)
  let high = h.constant(length, 'i32', shape)
  for (let reach = length; reach > 0; reach = Math.floor(reach / 2)) {
    const middle = h.binary('shift_right_logical', h.add(low, high), one)
    const before = h.compare(side === 'left' ? 'LT' : 'LE', h.take(flat, h.add(rowStart, middle), 0), values)
    const open = h.compare('LT', low, high)
    low = h.select(h.binary('and', open, before), h.add(middle, one), low)
    high = h.select(h.binary('and', open, h.unary('stablehlo.not', before)), middle, high)
  }
  return high
}

export const registerSort = (): void => {
  defineXlaKernel<{ k: number }>('TopK', ({ h, inputs, attrs }) => topK(h, inputs.x!, attrs.k))
  defineXlaKernel<{ side: 'left' | 'right' }>('SearchSorted', ({ h, inputs, attrs }) => {
    const [sorted, values] = unify(h, inputs.sortedSequence!, inputs.values!)
    return searchSorted(h, sorted, values, attrs.side)
  })
}
