import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'

/** Attributes of the fused kernels that say what comes after the product. */
export interface ActivationAttributes {
  readonly activation?: string | undefined
  readonly leakyreluAlpha?: number | undefined
}

export const relu = (h: Hlo, x: Node): Node => h.max(x, h.constant(0, x.type.element))

export const relu6 = (h: Hlo, x: Node): Node => h.min(relu(h, x), h.constant(6, x.type.element))

export const elu = (h: Hlo, x: Node): Node =>
  h.select(h.compare('GT', x, h.constant(0)), x, h.unary('stablehlo.exponential_minus_one', x))

/** `x` where it is not negative, else `alpha * x`. */
export const leakyRelu = (h: Hlo, x: Node, alpha: Node): Node =>
  h.select(h.compare('GE', x, h.constant(0, x.type.element)), x, h.mul(x, alpha))

/** Applies the activation of a fused kernel. `alpha`: the weights of `prelu`. */
export const activate = (h: Hlo, x: Node, attrs: ActivationAttributes, alpha?: Node): Node => {
  const { activation = 'linear', leakyreluAlpha = 0.2 } = attrs
  switch (activation) {
    case 'linear':
      return x
    case 'relu':
      return relu(h, x)
    case 'relu6':
      return relu6(h, x)
    case 'elu':
      return elu(h, x)
    case 'sigmoid':
      return h.unary('stablehlo.logistic', x)
    case 'leakyrelu':
      return leakyRelu(h, x, h.constant(leakyreluAlpha))
    case 'prelu':
      return leakyRelu(h, x, alpha!)
    default:
      throw new Error(
        `the xla backend has no fused activation "${activation}". It has linear, relu, relu6, elu, sigmoid, leakyrelu and prelu; apply another one as an op of its own.`,
      )
  }
}
