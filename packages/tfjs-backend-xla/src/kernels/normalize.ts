import { util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { defineXlaKernel } from './define'

interface LocalResponseAttributes {
  readonly depthRadius: number
  readonly bias: number
  readonly alpha: number
  readonly beta: number
}

/** Sums over the last axis' neighbours up to `radius` away. */
const neighbourSums = (h: Hlo, x: Node, radius: number): Node => {
  const { shape } = x.type
  const last = shape.length - 1
  const reach = Math.min(radius, shape[last]! - 1)
  const window = shape.map((_, i) => (i === last ? 2 * reach + 1 : 1))
  return h.reduceWindow(
    'add',
    x,
    window,
    shape.map(() => 1),
    shape.map((_, i) => (i === last ? [reach, reach] : [0, 0])),
  )
}

/** `bias + alpha * (sum of squares of the neighbouring channels)`. */
const localNorm = (h: Hlo, x: Node, { depthRadius, bias, alpha }: LocalResponseAttributes): Node =>
  h.add(h.mul(neighbourSums(h, h.mul(x, x), depthRadius), h.constant(alpha)), h.constant(bias))

export const registerNormalize = (): void => {
  defineXlaKernel<{ varianceEpsilon?: number }>('FusedBatchNorm', ({ h, inputs, attrs }) => {
    const { x, mean, variance, scale, offset } = inputs as Record<'x' | 'mean' | 'variance', Node> & {
      scale?: Node
      offset?: Node
    }
    for (const [name, node] of Object.entries({ variance, offset, scale })) {
      util.assert(
        node === undefined || node.type.shape.length === mean.type.shape.length,
        () => `Batch normalization gradient requires mean and ${name} to have equal ranks.`,
      )
    }
    const deviation = h.unary('stablehlo.sqrt', h.add(variance, h.constant(attrs.varianceEpsilon ?? 0.001)))
    // Statistics are small: what can be worked out on them alone is.
    const factor = h.div(scale ?? h.constant(1), deviation)
    const scaled = h.mul(h.sub(x, mean), factor)
    return offset ? h.add(scaled, offset) : scaled
  })
  defineXlaKernel<LocalResponseAttributes>('LRN', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    return h.mul(x, h.binary('power', localNorm(h, x, attrs), h.constant(-attrs.beta)))
  })
  defineXlaKernel<LocalResponseAttributes>('LRNGrad', ({ h, inputs, attrs }) => {
    const { x, y, dy } = inputs as Record<'x' | 'y' | 'dy', Node>
    const norm = localNorm(h, x, attrs)
    const direct = h.mul(dy, h.binary('power', norm, h.constant(-attrs.beta)))
    const through = neighbourSums(h, h.div(h.mul(dy, y), norm), attrs.depthRadius)
    return h.sub(direct, h.mul(h.mul(x, through), h.constant(2 * attrs.alpha * attrs.beta)))
  })
}
