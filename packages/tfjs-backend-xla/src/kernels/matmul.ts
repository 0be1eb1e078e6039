import { backend_util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { broadcastShape } from '../graph/hlo'
import { defineXlaKernel } from './define'
import { unify } from './elementwise'

/** Batched matrix product with TensorFlow.js's broadcasting over the batch axes. */
export const matMul = (h: Hlo, a: Node, b: Node, transposeA: boolean, transposeB: boolean): Node => {
  const [ra, rb] = [a.type.shape.length, b.type.shape.length]
  const batch = broadcastShape(a.type.shape.slice(0, -2), b.type.shape.slice(0, -2), 'matMul')
  if (a.type.element === 'i1') return matMul(h, h.convert(a, 'i32'), h.convert(b, 'i32'), transposeA, transposeB)
  const x = h.broadcast(a, [...batch, ...a.type.shape.slice(ra - 2)])
  const y = h.broadcast(b, [...batch, ...b.type.shape.slice(rb - 2)])
  const axes = [...batch.keys()]
  const n = batch.length
  return h.dot(x, y, { batch: [axes, axes], contract: [[transposeA ? n : n + 1], [transposeB ? n + 1 : n]] })
}

const activations: Record<string, (h: Hlo, x: Node) => Node> = {
  linear: (_, x) => x,
  relu: (h, x) => h.max(x, h.constant(0)),
  relu6: (h, x) => h.min(h.max(x, h.constant(0)), h.constant(6)),
  sigmoid: (h, x) => h.unary('stablehlo.logistic', x),
  elu: (h, x) => h.select(h.compare('GT', x, h.constant(0)), x, h.unary('stablehlo.exponential_minus_one', x)),
}

export const registerMatMul = (): void => {
  defineXlaKernel<{ transposeA: boolean; transposeB: boolean }>('BatchMatMul', ({ h, inputs, attrs }) =>
    matMul(h, ...unify(h, inputs.a!, inputs.b!), attrs.transposeA, attrs.transposeB),
  )
  defineXlaKernel<{ transposeA: boolean; transposeB: boolean; activation: string; leakyreluAlpha: number }>(
    '_FusedMatMul',
    ({ h, inputs, attrs }) => {
      const product = matMul(h, inputs.a!, inputs.b!, attrs.transposeA, attrs.transposeB)
      const sum = inputs.bias ? h.add(product, inputs.bias) : product
      if (attrs.activation === 'leakyrelu')
        return h.select(h.compare('GE', sum, h.constant(0)), sum, h.mul(sum, h.constant(attrs.leakyreluAlpha)))
      if (attrs.activation === 'prelu')
        return h.select(h.compare('GE', sum, h.constant(0)), sum, h.mul(sum, inputs.preluActivationWeights!))
      const activation = activations[attrs.activation ?? 'linear']
      if (!activation) throw new Error(`the xla backend has no fused activation "${attrs.activation}".`)
      return activation(h, sum)
    },
  )
  defineXlaKernel<{ equation: string }>('Einsum', ({ h, list, attrs }) => einsum(h, attrs.equation, list))
}

/** Einsum of one or two operands through transposes, a dot and sums. */
const einsum = (h: Hlo, equation: string, operands: readonly Node[]): Node => {
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, operands.length)
  const order = allDims.length - summedDims.length
  const sizes = new Map<number, number>()
  operands.forEach((operand, i) => {
    idDims[i]!.forEach((dim, axis) => {
      const known = sizes.get(dim) ?? operand.type.shape[axis]!
      if (known !== operand.type.shape[axis])
        throw new Error(`einsum ${equation}: operand ${i} has ${operand.type.shape[axis]} where another has ${known}.`)
      sizes.set(dim, operand.type.shape[axis]!)
    })
  })
  const full = allDims.map((_, dim) => sizes.get(dim)!)
  const spread = operands.map((operand, i) => {
    const dims = idDims[i]!
    const sorted = dims.map((_, axis) => axis).sort((p, q) => dims[p]! - dims[q]!)
    return h.broadcastInDim(
      h.transpose(operand, sorted),
      full,
      sorted.map((axis) => dims[axis]!),
    )
  })
  const product = spread.reduce((left, right) => h.mul(left, right))
  return h.sum(product, summedDims.length ? allDims.map((_, i) => i).slice(order) : [])
}
