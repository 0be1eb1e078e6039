import { backend_util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { defineXlaKernel } from './define'

interface ConvAttributes {
  readonly strides: number | [number, number]
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding
  readonly dataFormat: 'NHWC' | 'NCHW'
  readonly dilations?: number | [number, number]
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
  readonly inputShape?: [number, number, number, number]
  readonly filterShape?: [number, number, number, number]
}

const conv2dInfo = (
  input: readonly number[],
  filter: readonly number[],
  attrs: ConvAttributes,
): backend_util.Conv2DInfo =>
  backend_util.computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    false,
    backend_util.convertConv2DDataFormat(attrs.dataFormat ?? 'NHWC'),
  )

const imageAxes = (info: backend_util.Conv2DInfo) =>
  info.dataFormat === 'channelsLast'
    ? { batch: 0, feature: 3, spatial: [1, 2] }
    : { batch: 0, feature: 1, spatial: [2, 3] }

const forward = (h: Hlo, x: Node, filter: Node, info: backend_util.Conv2DInfo): Node => {
  const axes = imageAxes(info)
  const { top, bottom, left, right } = info.padInfo
  return h.convolution(x, filter, {
    input: axes,
    kernel: { batch: 2, feature: 3, spatial: [0, 1] },
    output: axes,
    strides: [info.strideHeight, info.strideWidth],
    padding: [
      [top, bottom],
      [left, right],
    ],
    kernelDilation: [info.dilationHeight, info.dilationWidth],
  })
}

/** The input's gradient: `dy` spread by the stride, convolved with the flipped kernel, its channels swapped. */
const inputGradient = (h: Hlo, dy: Node, filter: Node, info: backend_util.Conv2DInfo): Node => {
  const axes = imageAxes(info)
  const pads = (
    size: number,
    out: number,
    kernel: number,
    stride: number,
    dilation: number,
    low: number,
  ): [number, number] => {
    const span = (kernel - 1) * dilation
    return [span - low, size + low - ((out - 1) * stride + 1)]
  }
  return h.convolution(dy, h.reverse(filter, [0, 1]), {
    input: axes,
    kernel: { batch: 3, feature: 2, spatial: [0, 1] },
    output: axes,
    strides: [1, 1],
    inputDilation: [info.strideHeight, info.strideWidth],
    kernelDilation: [info.dilationHeight, info.dilationWidth],
    padding: [
      pads(info.inHeight, info.outHeight, info.filterHeight, info.strideHeight, info.dilationHeight, info.padInfo.top),
      pads(info.inWidth, info.outWidth, info.filterWidth, info.strideWidth, info.dilationWidth, info.padInfo.left),
    ],
  })
}

/** The kernel's gradient: a convolution over the batch, with `dy` as the kernel. */
const filterGradient = (h: Hlo, x: Node, dy: Node, info: backend_util.Conv2DInfo): Node => {
  const axes = imageAxes(info)
  const pads = (
    size: number,
    out: number,
    kernel: number,
    stride: number,
    dilation: number,
    low: number,
  ): [number, number] => [low, (kernel - 1) * dilation + (out - 1) * stride + 1 - size - low]
  return h.convolution(x, dy, {
    input: { batch: axes.feature, feature: axes.batch, spatial: axes.spatial },
    kernel: { batch: axes.batch, feature: axes.feature, spatial: axes.spatial },
    output: { batch: 2, feature: 3, spatial: [0, 1] },
    strides: [info.dilationHeight, info.dilationWidth],
    kernelDilation: [info.strideHeight, info.strideWidth],
    padding: [
      pads(info.inHeight, info.outHeight, info.filterHeight, info.strideHeight, info.dilationHeight, info.padInfo.top),
      pads(info.inWidth, info.outWidth, info.filterWidth, info.strideWidth, info.dilationWidth, info.padInfo.left),
    ],
  })
}

export const registerConv = (): void => {
  defineXlaKernel<ConvAttributes>('Conv2D', ({ h, inputs, attrs }) =>
    forward(h, inputs.x!, inputs.filter!, conv2dInfo(inputs.x!.type.shape, inputs.filter!.type.shape, attrs)),
  )
  defineXlaKernel<ConvAttributes>('Conv2DBackpropInput', ({ h, inputs, attrs }) =>
    inputGradient(h, inputs.dy!, inputs.filter!, conv2dInfo(attrs.inputShape!, inputs.filter!.type.shape, attrs)),
  )
  defineXlaKernel<ConvAttributes>('Conv2DBackpropFilter', ({ h, inputs, attrs }) =>
    filterGradient(h, inputs.x!, inputs.dy!, conv2dInfo(inputs.x!.type.shape, attrs.filterShape!, attrs)),
  )
}
