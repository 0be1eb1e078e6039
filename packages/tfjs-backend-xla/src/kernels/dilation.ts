import { backend_util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { defineXlaKernel } from './define'
import { forwardPadding, type WindowAxis, windowAxes } from './windows'

/** Grey-scale dilation (morphology): the largest of input plus kernel within each window. */
interface DilationAttributes {
  readonly strides: number | [number, number]
  readonly pad: 'valid' | 'same'
  readonly dilations: number | [number, number]
}

const dilationInfo = (x: Node, filter: Node, attrs: DilationAttributes): backend_util.Conv2DInfo =>
  backend_util.computeDilation2DInfo(
    x.type.shape as [number, number, number, number],
    filter.type.shape as [number, number, number],
    attrs.strides,
    attrs.pad,
    'NHWC',
    attrs.dilations,
  )

/** The padded element that each tap of each window along an axis falls on, [outputs, taps]. */
const tapPositions = (h: Hlo, { output, size, stride, dilation }: WindowAxis): Node => {
  const shape = [output, size]
  const starts = h.mul(h.iota(shape, 0), h.constant(stride, 'i32'))
  return h.add(starts, h.mul(h.iota(shape, 1), h.constant(dilation, 'i32')))
}

/** Input plus kernel for every tap of every window: [batch, y, taps of y, x, taps of x, channels]. Padding is minus infinity. */
const sums = (h: Hlo, x: Node, filter: Node, axes: readonly WindowAxis[]): Node => {
  const padding = axes.map(forwardPadding)
  const padded = h.pad(
    h.convert(x, 'f32'),
    h.constant(Number.NEGATIVE_INFINITY),
    [0, padding[0]![0], padding[1]![0], 0],
    [0, padding[0]![1], padding[1]![1], 0],
  )
  const rows = h.take(padded, tapPositions(h, axes[0]!), 1)
  const patches = h.take(rows, tapPositions(h, axes[1]!), 3)
  return h.add(patches, h.broadcastInDim(h.convert(filter, 'f32'), patches.type.shape, [2, 4, 5]))
}

/** `dy` at the tap that was the largest of its window, the first of equals; 0 at the others. */
const routed = (h: Hlo, x: Node, filter: Node, dy: Node, axes: readonly WindowAxis[]): Node => {
  const all = sums(h, x, filter, axes)
  const { shape } = all.type
  const tap = h.add(h.mul(h.iota(shape, 2), h.constant(shape[4]!, 'i32')), h.iota(shape, 4))
  const best = h.reduce('maximum', all, [2, 4], true)
  const none = h.constant(shape[2]! * shape[4]!, 'i32')
  const first = h.reduce('minimum', h.select(h.compare('EQ', all, best), tap, none), [2, 4], true)
  return h.select(
    h.compare('EQ', tap, first),
    h.broadcastInDim(dy, shape, [0, 1, 3, 5]),
    h.constant(0, dy.type.element),
  )
}

/** Adds the taps of an axis up at the elements that they fell on: [..., outputs, taps, ...] to [..., inputs, ...]. */
const addTaps = (h: Hlo, x: Node, at: number, axis: WindowAxis): Node => {
  const { shape } = x.type
  const whole = shape.map(() => 0)
  const terms = Array.from({ length: axis.size }, (_, tap) => {
    const one = h.slice(
      x,
      whole.with(at + 1, tap),
      shape.map((n, i) => (i === at + 1 ? tap + 1 : n)),
    )
    const flat = h.reshape(one, shape.toSpliced(at + 1, 1))
    const low = tap * axis.dilation - axis.low
    const edge = flat.type.shape.map(() => 0)
    return h.pad(
      flat,
      h.constant(0, x.type.element),
      edge.with(at, low),
      edge.with(at, axis.input - low - ((axis.output - 1) * axis.stride + 1)),
      edge.with(at, axis.stride - 1),
    )
  })
  return terms.reduce((sum, term) => h.add(sum, term))
}

export const registerDilation = (): void => {
  defineXlaKernel<DilationAttributes>('Dilation2D', ({ h, inputs, attrs }) => {
    const { x, filter } = inputs as Record<'x' | 'filter', Node>
    const axes = windowAxes(dilationInfo(x, filter, attrs))
    return h.convert(h.reduce('maximum', sums(h, x, filter, axes), [2, 4]), x.type.element)
  })
  defineXlaKernel<DilationAttributes>('Dilation2DBackpropInput', ({ h, inputs, attrs }) => {
    const { x, filter, dy } = inputs as Record<'x' | 'filter' | 'dy', Node>
    const [rows, columns] = windowAxes(dilationInfo(x, filter, attrs)) as [WindowAxis, WindowAxis]
    const byTap = routed(h, x, filter, dy, [rows, columns])
    return addTaps(h, addTaps(h, byTap, 1, rows), 2, columns)
  })
  defineXlaKernel<DilationAttributes>('Dilation2DBackpropFilter', ({ h, inputs, attrs }) => {
    const { x, filter, dy } = inputs as Record<'x' | 'filter' | 'dy', Node>
    return h.sum(routed(h, x, filter, dy, windowAxes(dilationInfo(x, filter, attrs))), [0, 1, 3])
  })
}
