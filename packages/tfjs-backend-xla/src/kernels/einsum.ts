import { backend_util, type Tensor } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { defineXlaKernel } from './define'
import { unify } from './elementwise'

/** An operand with the number of the label of each of its axes. Labels of the result come first, in its order. */
interface Labelled {
  readonly node: Node
  readonly labels: readonly number[]
}

/** Sums away the axes whose label `drop` says. */
const sumLabels = (h: Hlo, { node, labels }: Labelled, drop: (label: number) => boolean): Labelled => ({
  node: h.sum(
    node,
    labels.flatMap((label, axis) => (drop(label) ? [axis] : [])),
  ),
  labels: labels.filter((label) => !drop(label)),
})

/** The product of two operands: labels of both that the result has are batch axes, those that it has not are contracted. */
const product = (h: Hlo, a: Labelled, b: Labelled, kept: number): Labelled => {
  const shared = a.labels.filter((label) => b.labels.includes(label))
  const batch = shared.filter((label) => label < kept)
  const contract = shared.filter((label) => label >= kept)
  const axes = (of: Labelled, labels: readonly number[]) => labels.map((label) => of.labels.indexOf(label))
  const free = (of: Labelled) => of.labels.filter((label) => !shared.includes(label))
  return {
    node: h.dot(a.node, b.node, {
      batch: [axes(a, batch), axes(b, batch)],
      contract: [axes(a, contract), axes(b, contract)],
    }),
    labels: [...batch, ...free(a), ...free(b)],
  }
}

/** Einsum of one or two operands: what only one of them has is summed there first, the rest is one product. */
const einsum = (h: Hlo, equation: string, nodes: readonly Node[]): Node => {
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, nodes.length)
  backend_util.checkEinsumDimSizes(
    allDims.length,
    idDims,
    nodes.map((node) => ({ shape: [...node.type.shape] })) as Tensor[],
  )
  const kept = allDims.length - summedDims.length
  const typed = nodes.length === 2 ? unify(h, nodes[0]!, nodes[1]!) : nodes
  const operands = typed.map((node, i): Labelled => ({ node: arithmetic(h, node), labels: idDims[i]! }))
  const reduced = operands.map((operand, i) => {
    const others = operands.filter((_, j) => j !== i)
    return sumLabels(h, operand, (label) => label >= kept && !others.some(({ labels }) => labels.includes(label)))
  })
  const { node, labels } = reduced.length === 1 ? reduced[0]! : product(h, reduced[0]!, reduced[1]!, kept)
  return h.transpose(
    node,
    Array.from({ length: kept }, (_, label) => labels.indexOf(label)),
  )
}

const arithmetic = (h: Hlo, x: Node): Node => (x.type.element === 'i1' ? h.convert(x, 'i32') : x)

export const registerEinsum = (): void => {
  defineXlaKernel<{ equation: string }>('Einsum', ({ h, list, attrs }) => einsum(h, attrs.equation, list))
}
