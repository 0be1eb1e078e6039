import { backend_util, util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { isFloat, sameShape, sizeOf } from '../graph/types'
import { scatterToMax, type WindowOptions, windowArgMax } from '../graph/windows'
import { defineXlaKernel } from './define'
import { activationAxes, forwardPadding, inputGradientPadding, type WindowAxis, windowAxes } from './windows'

type Info = backend_util.Conv2DInfo | backend_util.Conv3DInfo
type Rounding = 'floor' | 'round' | 'ceil'

interface PoolAttributes {
  readonly filterSize: number | number[]
  readonly strides: number | number[]
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding
  readonly dimRoundingMode?: Rounding
  readonly dataFormat?: 'NDHWC' | 'NCDHW'
}

type Geometry = (input: readonly number[], attrs: PoolAttributes) => Info

const pool2d: Geometry = (input, attrs) =>
  backend_util.computePool2DInfo(
    input as [number, number, number, number],
    attrs.filterSize as [number, number],
    attrs.strides as [number, number],
    1,
    attrs.pad,
    attrs.dimRoundingMode,
  )

const pool3d: Geometry = (input, attrs) =>
  backend_util.computePool3DInfo(
    input as [number, number, number, number, number],
    attrs.filterSize as [number, number, number],
    attrs.strides as [number, number, number],
    1,
    attrs.pad as 'valid' | 'same' | number,
    attrs.dimRoundingMode,
    attrs.dataFormat,
  )

/** The window over all axes of an activation: length 1 over batch and channels. */
const windowOf = (info: Info): WindowOptions => {
  const { spatial } = activationAxes(info)
  const axes = windowAxes(info)
  const spread = <T>(of: (axis: WindowAxis) => T, otherwise: T): T[] => {
    const all = info.inShape.map(() => otherwise)
    for (const [i, axis] of axes.entries()) all[spatial[i]!] = of(axis)
    return all
  }
  return {
    window: spread(({ size }) => size, 1),
    strides: spread(({ stride }) => stride, 1),
    padding: spread(forwardPadding, [0, 0] as [number, number]),
  }
}

/** TensorFlow.js takes a pooling with windows of one element for no pooling if the size stays, wherever its padding puts them. */
const isIdentity = (info: Info): boolean =>
  !('inDepth' in info) && windowAxes(info).every(({ size }) => size === 1) && sameShape(info.inShape, info.outShape)

/** TensorFlow.js's max pooling passes over NaN. */
const withoutNan = (h: Hlo, x: Node): Node =>
  isFloat(x.type.element) ? h.select(h.compare('NE', x, x), h.constant(Number.NEGATIVE_INFINITY, x.type.element), x) : x

const windowSums = (h: Hlo, x: Node, { window, strides, padding }: WindowOptions): Node =>
  h.reduceWindow('add', x, window, strides, padding)

/** How many taps of an axis' windows lie on the input, one number an output. */
const tapsInside = ({ input, output, size, stride, dilation, low }: WindowAxis): number[] =>
  Array.from({ length: output }, (_, at) => {
    let inside = 0
    for (let tap = 0; tap < size; tap++) {
      const position = at * stride - low + tap * dilation
      if (position >= 0 && position < input) inside++
    }
    return inside
  })

/** Mean over each window's elements that are not padding. `empty`: what a window of padding alone is divided by. */
const averagePool = (h: Hlo, x: Node, info: Info, empty: 0 | 1): Node => {
  if (isIdentity(info)) return x
  const { spatial } = activationAxes(info)
  const sums = windowSums(h, h.convert(x, 'f32'), windowOf(info))
  const divisor = windowAxes(info)
    .map((axis, i) => {
      const inside = tapsInside(axis).map((n) => Math.max(n, empty))
      if (inside.every((n) => n === inside[0])) return h.constant(inside[0] ?? 1)
      return h.broadcastInDim(h.literal(inside, 'f32', [inside.length]), info.outShape, [spatial[i]!])
    })
    .reduce((product, counts) => h.mul(product, counts))
  return h.div(sums, divisor)
}

/** Each input gets its share of the windows that it is in. As in TensorFlow.js, padding counts here: a share is 1 / taps. */
const averageGradient = (h: Hlo, dy: Node, info: Info): Node => {
  const { spatial } = activationAxes(info)
  const axes = windowAxes(info)
  const low = dy.type.shape.map(() => 0)
  const [high, interior, window] = [[...low], [...low], low.map(() => 1)]
  for (const [i, axis] of axes.entries()) {
    const at = spatial[i]!
    ;[low[at], high[at]] = inputGradientPadding(axis)
    interior[at] = axis.stride - 1
    window[at] = axis.size
  }
  const share = h.div(dy, h.constant(sizeOf(axes.map(({ size }) => size)), dy.type.element))
  const spread = h.pad(share, h.constant(0, dy.type.element), low, high, interior)
  return windowSums(h, spread, { window, strides: window.map(() => 1), padding: window.map(() => [0, 0]) })
}

/** Each output's gradient goes to the input that was the largest of its window. */
const maxGradient = (h: Hlo, x: Node, dy: Node, info: Info, ties: 'first' | 'last'): Node =>
  scatterToMax(h, withoutNan(h, h.convert(x, dy.type.element)), dy, { ...windowOf(info), ties })

export const registerPool = (): void => {
  // Which of equal inputs is the largest differs between TensorFlow.js's two kernels.
  for (const [suffix, geometry, ties, empty] of [
    ['', pool2d, 'first', 0],
    ['3D', pool3d, 'last', 1],
  ] as const) {
    defineXlaKernel<PoolAttributes>(`MaxPool${suffix}`, ({ h, inputs, attrs }) => {
      const x = inputs.x!
      const info = geometry(x.type.shape, attrs)
      if (isIdentity(info)) return x
      const { window, strides, padding } = windowOf(info)
      return h.reduceWindow('maximum', withoutNan(h, x), window, strides, padding)
    })
    defineXlaKernel<PoolAttributes>(`MaxPool${suffix}Grad`, ({ h, inputs, attrs }) =>
      maxGradient(h, inputs.input!, inputs.dy!, geometry(inputs.input!.type.shape, attrs), ties),
    )
    defineXlaKernel<PoolAttributes>(`AvgPool${suffix}`, ({ h, inputs, attrs }) =>
      averagePool(h, inputs.x!, geometry(inputs.x!.type.shape, attrs), empty),
    )
    defineXlaKernel<PoolAttributes>(`AvgPool${suffix}Grad`, ({ h, inputs, attrs }) =>
      averageGradient(h, inputs.dy!, geometry(inputs.input!.type.shape, attrs)),
    )
  }
  defineXlaKernel<PoolAttributes & { includeBatchInIndex: boolean }>('MaxPoolWithArgmax', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const { shape } = x.type
    util.assert(
      shape.length === 4,
      () => `Error in maxPoolWithArgmax: x must be of rank 4, but got rank ${shape.length}.`,
    )
    const counted = attrs.includeBatchInIndex ? shape : shape.slice(1)
    const positions = h.broadcast(h.reshape(h.iota([sizeOf(counted)], 0), counted), shape)
    return windowArgMax(h, withoutNan(h, x), positions, windowOf(pool2d(shape, attrs)))
  })
}
