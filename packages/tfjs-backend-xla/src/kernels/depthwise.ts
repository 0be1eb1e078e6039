import type { backend_util } from '@tensorflow/tfjs-core'
import type { DeviceKind } from '../backend'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { type ActivationAttributes, activate } from './activation'
import { defineXlaKernel } from './define'
import {
  activationAxes,
  type Conv2dAttributes,
  conv2dInfo,
  filterGradientPadding,
  forwardPadding,
  inputGradientPadding,
  type WindowAxis,
  windowAxes,
} from './windows'

/**
 * Largest kernel that is written out tap by tap on a CPU, where XLA's grouped convolution is a slow loop: 8 x 56 x 56 x 128
 * with 3 x 3 taps took 79 ms as one and 6 ms as nine products that fuse into one loop.
 */
const WRITTEN_OUT_TAPS = 128

const depthwiseInfo = (input: readonly number[], filter: readonly number[], attrs: Conv2dAttributes) =>
  conv2dInfo(input, filter, attrs, true)

const writtenOut = (device: DeviceKind, [height, width]: readonly WindowAxis[]): boolean =>
  device === 'cpu' && height!.size * width!.size <= WRITTEN_OUT_TAPS

/** Pads [batch, height, width, ...] along height and width, `spread` zeros between neighbours; negative padding cuts. */
const padded = (
  h: Hlo,
  x: Node,
  padding: readonly (readonly [number, number])[],
  spread: readonly number[] = [0, 0],
): Node => {
  const rest = x.type.shape.slice(3).map(() => 0)
  return h.pad(
    x,
    h.constant(0, x.type.element),
    [0, padding[0]![0], padding[1]![0], ...rest],
    [0, padding[0]![1], padding[1]![1], ...rest],
    [0, ...spread, ...rest],
  )
}

/** Every tap of the kernel: what it sees of a padded [batch, height, width, ...], `strides` apart, and its [row, column]. */
const taps = (
  h: Hlo,
  source: Node,
  axes: readonly WindowAxis[],
  outputs: readonly number[],
  strides: readonly number[],
): { seen: Node; at: [number, number] }[] => {
  const { shape } = source.type
  const [rows, columns] = axes as [WindowAxis, WindowAxis]
  return Array.from({ length: rows.size * columns.size }, (_, tap) => {
    const at: [number, number] = [Math.floor(tap / columns.size), tap % columns.size]
    const from = [at[0] * rows.dilation, at[1] * columns.dilation]
    const seen = h.slice(
      source,
      [0, ...from, ...shape.slice(3).map(() => 0)],
      [shape[0]!, ...from.map((start, i) => start + (outputs[i]! - 1) * strides[i]! + 1), ...shape.slice(3)],
      [1, ...strides, ...shape.slice(3).map(() => 1)],
    )
    return { seen, at }
  })
}

/** One tap's weights, [channels, multiplier]. */
const weights = (h: Hlo, filter: Node, [row, column]: readonly [number, number]): Node => {
  const [, , channels, multiplier] = filter.type.shape as [number, number, number, number]
  const tap = h.slice(filter, [row, column, 0, 0], [row + 1, column + 1, channels, multiplier])
  return h.reshape(tap, [channels, multiplier])
}

const forward = (h: Hlo, x: Node, filter: Node, info: backend_util.Conv2DInfo, device: DeviceKind): Node => {
  const axes = windowAxes(info)
  const [rows, columns, channels, multiplier] = filter.type.shape as [number, number, number, number]
  const strides = axes.map((axis) => axis.stride)
  if (!writtenOut(device, axes)) {
    const layout = activationAxes(info)
    return h.convolution(x, h.reshape(filter, [rows, columns, 1, channels * multiplier]), {
      input: layout,
      kernel: { batch: 2, feature: 3, spatial: [0, 1] },
      output: layout,
      strides,
      padding: axes.map(forwardPadding),
      kernelDilation: axes.map((axis) => axis.dilation),
      groups: channels,
    })
  }
  const source = padded(h, h.reshape(x, [...x.type.shape, 1]), axes.map(forwardPadding))
  const terms = taps(h, source, axes, [info.outHeight, info.outWidth], strides).map(({ seen, at }) =>
    h.mul(seen, weights(h, filter, at)),
  )
  return h.reshape(
    terms.reduce((sum, term) => h.add(sum, term)),
    info.outShape,
  )
}

/** The input's gradient: `dy` spread by the stride, under the flipped kernel. */
const inputGradient = (h: Hlo, dy: Node, filter: Node, info: backend_util.Conv2DInfo, device: DeviceKind): Node => {
  const axes = windowAxes(info)
  const [, , channels, multiplier] = filter.type.shape as [number, number, number, number]
  const flipped = h.reverse(filter, [0, 1])
  const padding = axes.map(inputGradientPadding)
  if (!writtenOut(device, axes)) {
    const layout = activationAxes(info)
    return h.convolution(dy, flipped, {
      input: layout,
      kernel: { batch: 3, feature: 2, spatial: [0, 1] },
      output: layout,
      strides: [1, 1],
      inputDilation: axes.map((axis) => axis.stride),
      kernelDilation: axes.map((axis) => axis.dilation),
      padding,
      groups: channels,
    })
  }
  const grouped = h.reshape(dy, [info.batchSize, info.outHeight, info.outWidth, channels, multiplier])
  const source = padded(
    h,
    grouped,
    padding,
    axes.map((axis) => axis.stride - 1),
  )
  const terms = taps(h, source, axes, [info.inHeight, info.inWidth], [1, 1]).map(({ seen, at }) =>
    h.mul(seen, weights(h, flipped, at)),
  )
  const sum = terms.reduce((total, term) => h.add(total, term))
  return multiplier === 1 ? h.reshape(sum, info.inShape) : h.sum(sum, [4])
}

/** The kernel's gradient: for each tap, the products of what it saw with `dy`, summed over batch and space. */
const filterGradient = (h: Hlo, x: Node, dy: Node, info: backend_util.Conv2DInfo, device: DeviceKind): Node => {
  const axes = windowAxes(info)
  const channels = info.inChannels
  const multiplier = info.outChannels / channels
  const shape = [info.filterHeight, info.filterWidth, channels, multiplier]
  const strides = axes.map((axis) => axis.stride)
  if (!writtenOut(device, axes)) {
    const { batch, feature, spatial } = activationAxes(info)
    const gradient = h.convolution(x, dy, {
      input: { batch: feature, feature: batch, spatial },
      kernel: { batch, feature, spatial },
      output: { batch: 2, feature: 3, spatial: [0, 1] },
      strides: axes.map((axis) => axis.dilation),
      kernelDilation: strides,
      padding: axes.map(filterGradientPadding),
      batchGroups: channels,
    })
    return h.reshape(gradient, shape)
  }
  const source = padded(h, h.reshape(x, [...x.type.shape, 1]), axes.map(forwardPadding))
  const grouped = h.reshape(dy, [info.batchSize, info.outHeight, info.outWidth, channels, multiplier])
  const sums = taps(h, source, axes, [info.outHeight, info.outWidth], strides).map(({ seen }) =>
    h.sum(h.mul(seen, grouped), [0, 1, 2]),
  )
  return h.reshape(h.concat(sums, 0), shape)
}

export const registerDepthwise = (): void => {
  defineXlaKernel<Conv2dAttributes>('DepthwiseConv2dNative', ({ h, inputs, attrs, device }) => {
    const { x, filter } = inputs
    return forward(h, x!, filter!, depthwiseInfo(x!.type.shape, filter!.type.shape, attrs), device)
  })
  defineXlaKernel<Conv2dAttributes>('DepthwiseConv2dNativeBackpropInput', ({ h, inputs, attrs, device }) => {
    const { dy, filter } = inputs
    return inputGradient(h, dy!, filter!, depthwiseInfo(attrs.inputShape!, filter!.type.shape, attrs), device)
  })
  defineXlaKernel<Conv2dAttributes>('DepthwiseConv2dNativeBackpropFilter', ({ h, inputs, attrs, device }) => {
    const { x, dy } = inputs
    return filterGradient(h, x!, dy!, depthwiseInfo(x!.type.shape, attrs.filterShape!, attrs), device)
  })
  defineXlaKernel<Conv2dAttributes & ActivationAttributes>('FusedDepthwiseConv2D', ({ h, inputs, attrs, device }) => {
    const { x, filter, bias, preluActivationWeights } = inputs
    const y = forward(h, x!, filter!, depthwiseInfo(x!.type.shape, filter!.type.shape, attrs), device)
    return activate(h, bias ? h.add(y, bias) : y, attrs, preluActivationWeights)
  })
}
