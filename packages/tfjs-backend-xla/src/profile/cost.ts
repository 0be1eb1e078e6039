import type { Node } from '../graph/graph'
import { type ElementType, sizeOf, type TensorType } from '../graph/types'

/** Floating-point operations of a matrix product or convolution (a multiplication and an addition are two); 0 for others. */
export const flopsOf = (node: Node): number => {
  const out = sizeOf(node.type.shape)
  if (node.op === 'stablehlo.dot_general') {
    const contracted = axesIn(node.attributes, 'lhs_contracting_dimensions')
    return 2 * out * sizeOf(contracted.map((axis) => node.inputs[0]!.type.shape[axis]!))
  }
  if (node.op === 'stablehlo.convolution') {
    const kernel = node.inputs[1]!.type.shape
    const [, names] = /#stablehlo\.conv<\[[^\]]*\]x\[([^\]]*)\]/.exec(node.attributes)!
    const outputFeatures = kernel[names!.split(', ').indexOf('o')]!
    const batchGroups = Number(/batch_group_count = (\d+)/.exec(node.attributes)?.[1] ?? 1)
    return (2 * out * sizeOf(kernel)) / outputFeatures / batchGroups
  }
  return 0
}

const axesIn = (attributes: string, name: string): number[] => {
  const found = new RegExp(`${name} = \\[([^\\]]*)\\]`).exec(attributes)?.[1] ?? ''
  return found === '' ? [] : found.split(',').map(Number)
}

const widths: Record<ElementType, number> = { f32: 4, bf16: 2, f64: 8, i32: 4, i64: 8, u32: 4, u8: 1, i1: 1 }

/** Bytes of a tensor. */
export const bytesOf = ({ element, shape }: TensorType): number => (widths[element] ?? 8) * sizeOf(shape)
