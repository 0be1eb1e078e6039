import * as tf from '@tensorflow/tfjs-core'

/** As `ops/conv1d` states them. */
interface Conv1dAttributes {
  readonly stride: number
  readonly padding: readonly [number, number]
  readonly groups: number
  readonly dilation: number
}

type Tensors = readonly tf.Tensor3D[]

const convolution = { pad: 'valid', dataFormat: 'NHWC', dilations: [1, 1], dimRoundingMode: undefined } as const

const run = (kernel: string, inputs: tf.NamedTensorMap, attrs: object): tf.Tensor4D =>
  tf.engine().runKernel(kernel, inputs, { ...convolution, ...attrs } as never) as tf.Tensor4D

/** A signal as an image of height 1. */
const image = (x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [x.shape[0]!, 1, x.shape[1]!, x.shape[2]!])

const signal = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(x, [x.shape[0], x.shape[2], x.shape[3]])

const padTime = (x: tf.Tensor3D, [low, high]: readonly [number, number]): tf.Tensor3D =>
  low === 0 && high === 0
    ? x
    : tf.pad3d(x, [
        [0, 0],
        [low, high],
        [0, 0],
      ])

/** Channels of each group apart: TensorFlow's CPU kernels have no grouped gradients. */
const byGroup = (x: tf.Tensor3D, groups: number, axis: number): Tensors =>
  groups === 1 ? [x] : (tf.split(x, groups, axis) as tf.Tensor3D[])

const together = (parts: Tensors, axis: number): tf.Tensor3D =>
  parts.length === 1 ? parts[0]! : tf.concat(parts as tf.Tensor3D[], axis)

/** [out, in, kernel] to TensorFlow's [1, kernel, in, out], with zeros between the taps of a dilated one: its gradients know none. */
const filterOf = (weight: tf.Tensor3D, dilation: number): tf.Tensor4D => {
  const taps = tf.transpose(weight, [2, 1, 0])
  const [kernel, inChannels, outChannels] = taps.shape
  if (dilation === 1) return tf.reshape(taps, [1, kernel, inChannels, outChannels])
  const spread = tf.pad(tf.reshape(taps, [kernel, 1, inChannels, outChannels]), [
    [0, 0],
    [0, dilation - 1],
    [0, 0],
    [0, 0],
  ])
  const span = dilation * (kernel - 1) + 1
  const dense = tf.slice(tf.reshape(spread, [kernel * dilation, inChannels, outChannels]), [0, 0, 0], [span, -1, -1])
  return tf.reshape(dense, [1, span, inChannels, outChannels])
}

/** Undoes {@link filterOf}. */
const weightOf = (filter: tf.Tensor4D, dilation: number, kernel: number): tf.Tensor3D => {
  const [, span, inChannels, outChannels] = filter.shape
  const dense: tf.Tensor3D = tf.reshape(filter, [span, inChannels, outChannels])
  if (dilation === 1) return tf.transpose(dense, [2, 1, 0])
  const whole = tf.pad3d(dense, [
    [0, kernel * dilation - span],
    [0, 0],
    [0, 0],
  ])
  const rows = tf.reshape(whole, [kernel, dilation, inChannels, outChannels])
  return tf.transpose(
    tf.reshape(tf.slice(rows, [0, 0, 0, 0], [-1, 1, -1, -1]), [kernel, inChannels, outChannels]),
    [2, 1, 0],
  )
}

const forward = (x: tf.Tensor3D, weight: tf.Tensor3D, attrs: Conv1dAttributes): tf.Tensor3D => {
  const signals = byGroup(padTime(x, attrs.padding), attrs.groups, 2)
  const weights = byGroup(weight, attrs.groups, 0)
  const parts = signals.map((part, group) =>
    signal(
      run(
        'Conv2D',
        { x: image(part), filter: filterOf(weights[group]!, attrs.dilation) },
        { strides: [1, attrs.stride] },
      ),
    ),
  )
  return together(parts, 2)
}

const inputGradient = (
  dy: tf.Tensor3D,
  weight: tf.Tensor3D,
  attrs: Conv1dAttributes & { readonly inputLength: number },
): tf.Tensor3D => {
  const { stride, padding, groups, dilation, inputLength } = attrs
  const [batch] = dy.shape
  const weights = byGroup(weight, groups, 0)
  const length = inputLength + padding[0] + padding[1]
  const parts = byGroup(dy, groups, 2).map((part, group) => {
    const filter = filterOf(weights[group]!, dilation)
    const inputShape = [batch, 1, length, filter.shape[2]]
    return signal(run('Conv2DBackpropInput', { dy: image(part), filter }, { strides: [1, stride], inputShape }))
  })
  return tf.slice(together(parts, 2), [0, padding[0], 0], [-1, inputLength, -1])
}

const weightGradient = (
  x: tf.Tensor3D,
  dy: tf.Tensor3D,
  attrs: Conv1dAttributes & { readonly kernelSize: number },
): tf.Tensor3D => {
  const { stride, padding, groups, dilation, kernelSize } = attrs
  const outputs = byGroup(dy, groups, 2)
  const parts = byGroup(padTime(x, padding), groups, 2).map((part, group) => {
    const filterShape = [1, dilation * (kernelSize - 1) + 1, part.shape[2], outputs[group]!.shape[2]]
    const inputs = { x: image(part), dy: image(outputs[group]!) }
    return weightOf(run('Conv2DBackpropFilter', inputs, { strides: [1, stride], filterShape }), dilation, kernelSize)
  })
  return together(parts, 0)
}

/** Registers core's `Conv1d` and its gradients for the backend `tensorflow`, from TensorFlow's two-dimensional convolution. */
export const registerConv1dForTensorFlow = (): void => {
  const register = <A>(
    kernelName: string,
    names: readonly [string, string],
    compute: (a: tf.Tensor3D, b: tf.Tensor3D, attrs: A) => tf.Tensor3D,
  ): void => {
    if (tf.getKernel(kernelName, 'tensorflow')) return
    tf.registerKernel({
      kernelName,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => {
          const [a, b] = names.map((name) => inputs[name] as tf.Tensor3D) as [tf.Tensor3D, tf.Tensor3D]
          return compute(a, b, attrs as unknown as A)
        }),
    })
  }
  register('Conv1d', ['x', 'weight'], forward)
  register('Conv1dInputGradient', ['dy', 'weight'], inputGradient)
  register('Conv1dWeightGradient', ['x', 'dy'], weightGradient)
}
