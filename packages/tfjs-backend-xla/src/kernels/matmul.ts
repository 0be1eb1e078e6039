import { util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { broadcastShape } from '../graph/hlo'
import { type ActivationAttributes, activate } from './activation'
import { defineXlaKernel } from './define'
import { unify } from './elementwise'

interface ProductAttributes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Batched matrix product with TensorFlow.js's broadcasting over the batch axes. */
export const matMul = (h: Hlo, a: Node, b: Node, transposeA: boolean, transposeB: boolean): Node => {
  const [ra, rb] = [a.type.shape.length, b.type.shape.length]
  const described = `Tensors with shapes ${a.type.shape} and ${b.type.shape} and transposeA=${transposeA} and transposeB=${transposeB}`
  util.assert(ra >= 2 && rb >= 2, () => `Error in matMul: ${described} must be matrices; use tf.dot for vectors.`)
  const [innerA, innerB] = [a.type.shape.at(transposeA ? -2 : -1), b.type.shape.at(transposeB ? -1 : -2)]
  util.assert(
    innerA === innerB,
    () => `Error in matMul: inner shapes (${innerA}) and (${innerB}) of ${described} must match.`,
  )
  const batch = broadcastShape(a.type.shape.slice(0, -2), b.type.shape.slice(0, -2), 'matMul')
  if (a.type.element === 'i1') return matMul(h, h.convert(a, 'i32'), h.convert(b, 'i32'), transposeA, transposeB)
  const x = h.broadcast(a, [...batch, ...a.type.shape.slice(ra - 2)])
  const y = h.broadcast(b, [...batch, ...b.type.shape.slice(rb - 2)])
  const axes = [...batch.keys()]
  const n = batch.length
  return h.dot(x, y, { batch: [axes, axes], contract: [[transposeA ? n : n + 1], [transposeB ? n + 1 : n]] })
}

export const registerMatMul = (): void => {
  defineXlaKernel<ProductAttributes>('BatchMatMul', ({ h, inputs, attrs }) =>
    matMul(h, ...unify(h, inputs.a!, inputs.b!), attrs.transposeA, attrs.transposeB),
  )
  defineXlaKernel<ProductAttributes & ActivationAttributes>('_FusedMatMul', ({ h, inputs, attrs }) => {
    const product = matMul(h, inputs.a!, inputs.b!, attrs.transposeA, attrs.transposeB)
    return activate(h, inputs.bias ? h.add(product, inputs.bias) : product, attrs, inputs.preluActivationWeights)
  })
}
