import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { sizeOf } from '../graph/types'
import { defineXlaKernel, type LoweringContext } from './define'

interface BincountAttributes {
  /** Bins; values of `size` and more are passed over. */
  readonly size: number
  readonly binaryOutput?: boolean
}

/** What each value adds to its bin. */
const contributions = (h: Hlo, x: Node, weights: Node, binary: boolean): Node => {
  const weighted = !binary && sizeOf(weights.type.shape) > 0
  return weighted ? h.reshape(weights, x.type.shape) : h.constant(1, weights.type.element, x.type.shape)
}

/** Counts (or sums of weights) of the values of `x`: of all of them, or of those of each row of a matrix. */
const bincount = ({ h, attrs, hostValues }: LoweringContext<BincountAttributes>, x: Node, weights: Node): Node => {
  if (hostValues(x)?.some((value) => value < 0)) throw new Error('Input x must be non-negative!')
  const { shape } = x.type
  if (shape.length > 2)
    throw new Error(`Error in denseBincount: input must be at most rank 2, but got rank ${shape.length}.`)
  const outer = shape.slice(0, -1)
  const bins = h.constant(0, weights.type.element, [...outer, attrs.size])
  if (sizeOf(shape) === 0 || attrs.size === 0) return bins
  const binary = attrs.binaryOutput === true
  const vector = h.reshape(h.convert(x, 'i32'), [...shape, 1])
  const at = outer.length === 0 ? vector : h.concat([h.iota([...shape, 1], 0), vector], shape.length)
  return h.scatterNd(binary ? 'maximum' : 'add', bins, at, contributions(h, x, weights, binary))
}

export const registerBincount = (): void => {
  defineXlaKernel<BincountAttributes>('Bincount', (context) => {
    const { x, weights } = context.inputs as Record<'x' | 'weights', Node>
    return bincount(context, context.h.reshape(x, [sizeOf(x.type.shape)]), weights)
  })
  defineXlaKernel<BincountAttributes>('DenseBincount', (context) =>
    bincount(context, context.inputs.x!, context.inputs.weights!),
  )
}
