import { backend_util } from '@tensorflow/tfjs-core'
import type { ConvolutionAxes } from '../graph/convolution'

/** A convolution's or a pooling's window along one axis of space; lengths in elements. */
export interface WindowAxis {
  readonly input: number
  readonly output: number
  /** Taps of the window. */
  readonly size: number
  readonly stride: number
  /** Distance between taps. */
  readonly dilation: number
  /** Elements that are put before the input. */
  readonly low: number
}

/** The axes of space that TensorFlow.js worked out, outermost first. */
export const windowAxes = (info: backend_util.Conv2DInfo | backend_util.Conv3DInfo): readonly WindowAxis[] => {
  const height: WindowAxis = {
    input: info.inHeight,
    output: info.outHeight,
    size: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    low: info.padInfo.top,
  }
  const width: WindowAxis = {
    input: info.inWidth,
    output: info.outWidth,
    size: info.filterWidth,
    stride: info.strideWidth,
    dilation: info.dilationWidth,
    low: info.padInfo.left,
  }
  if (!('inDepth' in info)) return [height, width]
  const depth: WindowAxis = {
    input: info.inDepth,
    output: info.outDepth,
    size: info.filterDepth,
    stride: info.strideDepth,
    dilation: info.dilationDepth,
    low: info.padInfo.front,
  }
  return [depth, height, width]
}

/** Where batch, channels and space are in an activation. */
export const activationAxes = (info: backend_util.Conv2DInfo | backend_util.Conv3DInfo): ConvolutionAxes => {
  const rank = 'inDepth' in info ? 3 : 2
  const last = info.dataFormat === 'channelsLast'
  return { batch: 0, feature: last ? rank + 1 : 1, spatial: Array.from({ length: rank }, (_, i) => i + (last ? 1 : 2)) }
}

/** Elements from a window's first tap to its last, both counted. */
export const span = ({ size, dilation }: WindowAxis): number => (size - 1) * dilation + 1

/** What the windows reach beyond the input's end; negative where they do not reach it. */
const overhang = (axis: WindowAxis): number => (axis.output - 1) * axis.stride + span(axis) - axis.input - axis.low

/** Padding of the input for the forward pass; the end is cut where TensorFlow.js has fewer outputs than there are windows. */
export const forwardPadding = (axis: WindowAxis): [number, number] => {
  const high = overhang(axis)
  return [axis.low, high > -axis.stride ? Math.max(0, high) : high]
}

/** Padding of `dy`, spread by the stride, under a window of stride 1 that gives the input's gradient. */
export const inputGradientPadding = (axis: WindowAxis): [number, number] => [
  span(axis) - 1 - axis.low,
  axis.input + axis.low - ((axis.output - 1) * axis.stride + 1),
]

/** Padding of the input under `dy`, spread by the stride, that gives the kernel's gradient. */
export const filterGradientPadding = (axis: WindowAxis): [number, number] => [axis.low, overhang(axis)]

/** The attributes of TensorFlow.js's two-dimensional convolution kernels. */
export interface Conv2dAttributes {
  readonly strides: number | [number, number]
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding
  readonly dataFormat?: 'NHWC' | 'NCHW'
  readonly dilations?: number | [number, number]
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
  readonly inputShape?: [number, number, number, number]
  readonly filterShape?: [number, number, number, number]
}

/** The geometry of a two-dimensional convolution. Depthwise ones are channels-last always. */
export const conv2dInfo = (
  input: readonly number[],
  filter: readonly number[],
  attrs: Conv2dAttributes,
  depthwise = false,
): backend_util.Conv2DInfo =>
  backend_util.computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    depthwise,
    depthwise ? 'channelsLast' : backend_util.convertConv2DDataFormat(attrs.dataFormat ?? 'NHWC'),
  )
