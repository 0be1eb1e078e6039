import { backend_util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { sameShape } from '../graph/types'
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

type Info = backend_util.Conv2DInfo | backend_util.Conv3DInfo

interface Conv3dAttributes {
  readonly strides: number | [number, number, number]
  readonly pad: 'valid' | 'same'
  readonly dilations?: number | [number, number, number]
  readonly inputShape?: [number, number, number, number, number]
  readonly filterShape?: [number, number, number, number, number]
}

const conv3dInfo = (input: readonly number[], filter: readonly number[], attrs: Conv3dAttributes): Info =>
  backend_util.computeConv3DInfo(
    input as [number, number, number, number, number],
    filter as [number, number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
  )

/** TensorFlow.js's kernels are [...space, input channels, output channels]. */
const kernelSpace = (axes: readonly WindowAxis[]): number[] => [...axes.keys()]

const forward = (h: Hlo, x: Node, filter: Node, info: Info): Node => {
  const axes = windowAxes(info)
  const layout = activationAxes(info)
  return h.convolution(x, filter, {
    input: layout,
    kernel: { batch: axes.length, feature: axes.length + 1, spatial: kernelSpace(axes) },
    output: layout,
    strides: axes.map((axis) => axis.stride),
    padding: axes.map(forwardPadding),
    kernelDilation: axes.map((axis) => axis.dilation),
  })
}

/** The part of `dy` that the output has. A transposed convolution may be given more than its output's size asks for. */
const fitted = (h: Hlo, dy: Node, info: Info): Node =>
  h.slice(
    dy,
    dy.type.shape.map(() => 0),
    dy.type.shape.map((n, i) => Math.min(n, info.outShape[i]!)),
  )

/** The input's gradient: `dy` spread by the stride, convolved with the flipped kernel, its channels swapped. */
const inputGradient = (h: Hlo, dy: Node, filter: Node, info: Info): Node => {
  const axes = windowAxes(info)
  const layout = activationAxes(info)
  const spatial = kernelSpace(axes)
  return h.convolution(fitted(h, dy, info), h.reverse(filter, spatial), {
    input: layout,
    kernel: { batch: axes.length + 1, feature: axes.length, spatial },
    output: layout,
    strides: axes.map(() => 1),
    inputDilation: axes.map((axis) => axis.stride),
    kernelDilation: axes.map((axis) => axis.dilation),
    padding: axes.map(inputGradientPadding),
  })
}

/** The kernel's gradient: a convolution over the batch, with `dy` as the kernel. */
const filterGradient = (h: Hlo, x: Node, dy: Node, info: Info): Node => {
  const axes = windowAxes(info)
  const { batch, feature, spatial } = activationAxes(info)
  return h.convolution(x, dy, {
    input: { batch: feature, feature: batch, spatial },
    kernel: { batch, feature, spatial },
    output: { batch: axes.length, feature: axes.length + 1, spatial: kernelSpace(axes) },
    strides: axes.map((axis) => axis.dilation),
    kernelDilation: axes.map((axis) => axis.stride),
    padding: axes.map(filterGradientPadding),
  })
}

/** A vector with one value a channel, shaped to broadcast over the activation; anything else as it is. */
const perChannel = (h: Hlo, x: Node, info: Info): Node =>
  info.dataFormat === 'channelsFirst' && x.type.shape.length === 1 && !sameShape(x.type.shape, [1])
    ? h.reshape(x, [x.type.shape[0]!, ...windowAxes(info).map(() => 1)])
    : x

export const registerConv = (): void => {
  defineXlaKernel<Conv2dAttributes>('Conv2D', ({ h, inputs, attrs }) =>
    forward(h, inputs.x!, inputs.filter!, conv2dInfo(inputs.x!.type.shape, inputs.filter!.type.shape, attrs)),
  )
  defineXlaKernel<Conv2dAttributes>('Conv2DBackpropInput', ({ h, inputs, attrs }) =>
    inputGradient(h, inputs.dy!, inputs.filter!, conv2dInfo(attrs.inputShape!, inputs.filter!.type.shape, attrs)),
  )
  defineXlaKernel<Conv2dAttributes>('Conv2DBackpropFilter', ({ h, inputs, attrs }) =>
    filterGradient(h, inputs.x!, inputs.dy!, conv2dInfo(inputs.x!.type.shape, attrs.filterShape!, attrs)),
  )
  defineXlaKernel<Conv2dAttributes & ActivationAttributes>('FusedConv2D', ({ h, inputs, attrs }) => {
    const { x, filter, bias, preluActivationWeights: alpha } = inputs
    const info = conv2dInfo(x!.type.shape, filter!.type.shape, attrs)
    const y = forward(h, x!, filter!, info)
    return activate(h, bias ? h.add(y, perChannel(h, bias, info)) : y, attrs, alpha && perChannel(h, alpha, info))
  })
  defineXlaKernel<Conv3dAttributes>('Conv3D', ({ h, inputs, attrs }) =>
    forward(h, inputs.x!, inputs.filter!, conv3dInfo(inputs.x!.type.shape, inputs.filter!.type.shape, attrs)),
  )
  defineXlaKernel<Conv3dAttributes>('Conv3DBackpropInputV2', ({ h, inputs, attrs }) =>
    inputGradient(h, inputs.dy!, inputs.filter!, conv3dInfo(attrs.inputShape!, inputs.filter!.type.shape, attrs)),
  )
  defineXlaKernel<Conv3dAttributes>('Conv3DBackpropFilterV2', ({ h, inputs, attrs }) =>
    filterGradient(h, inputs.x!, inputs.dy!, conv3dInfo(inputs.x!.type.shape, attrs.filterShape!, attrs)),
  )
}
