import * as tf from '@tensorflow/tfjs-core'

export interface Conv1dOptions {
  /** Default 1. */
  readonly stride?: number
  /** Zeros before and after the signal; one number for both. Default 0. */
  readonly padding?: number | readonly [number, number]
  /** Default 1. */
  readonly groups?: number
  /** Spacing of the kernel's taps. Default 1. */
  readonly dilation?: number
}

interface Conv1dAttributes {
  readonly stride: number
  readonly padding: readonly [number, number]
  readonly groups: number
  readonly dilation: number
}

const hasKernel = (): boolean => tf.getKernel('Conv1d', tf.getBackend()) !== undefined

/**
 * One-dimensional convolution (cross-correlation, as in PyTorch), channels last.
 *
 * @param x [batch, time, inChannels]
 * @param weight [outChannels, inChannels / groups, kernel], PyTorch's layout
 * @returns [batch, (time + padding - dilation (kernel - 1) - 1) / stride + 1, outChannels]
 */
export const conv1d = (x: tf.Tensor3D, weight: tf.Tensor3D, options: Conv1dOptions = {}): tf.Tensor3D => {
  const { stride = 1, groups = 1, dilation = 1, padding = 0 } = options
  const [outChannels, groupChannels, kernel] = weight.shape
  if (x.shape[2] !== groupChannels * groups || outChannels % groups !== 0) {
    throw new RangeError(`conv1d: an input of ${x.shape[2]} channels does not fit a kernel [${weight.shape}] in ${groups} group(s).`)
  }
  const pads: readonly [number, number] = typeof padding === 'number' ? [padding, padding] : padding
  const span = dilation * (kernel - 1) + 1
  if (x.shape[1] + pads[0] + pads[1] < span) {
    throw new RangeError(`conv1d: ${x.shape[1]} time steps are fewer than the kernel's span of ${span}.`)
  }
  const attributes: Conv1dAttributes = { stride, padding: pads, groups, dilation }
  if (hasKernel()) return tf.engine().runKernel('Conv1d', { x, weight }, { ...attributes } as never) as tf.Tensor3D
  return portable(x, weight, attributes)
}

/** The same from TensorFlow.js's own ops: one ungrouped convolution a group. */
const portable = (x: tf.Tensor3D, weight: tf.Tensor3D, { stride, padding, groups, dilation }: Conv1dAttributes): tf.Tensor3D => {
  const padded = padding[0] + padding[1] === 0 ? x : tf.pad3d(x, [[0, 0], [padding[0], padding[1]], [0, 0]])
  const kernels = tf.transpose(weight, [2, 1, 0]) as tf.Tensor3D
  if (groups === 1) return ungrouped(padded, kernels, stride, dilation)
  const signals = tf.split(padded, groups, 2) as tf.Tensor3D[]
  return tf.concat((tf.split(kernels, groups, 2) as tf.Tensor3D[]).map((kernel, i) => ungrouped(signals[i]!, kernel, stride, dilation)), 2)
}

/** TensorFlow.js has no gradient of dilated convolutions: the taps are spread by zeros instead. */
const ungrouped = (x: tf.Tensor3D, kernel: tf.Tensor3D, stride: number, dilation: number): tf.Tensor3D => {
  if (dilation === 1) return tf.conv1d(x, kernel, stride, 'valid')
  const [taps, inChannels, outChannels] = kernel.shape
  const spaced = tf.pad(tf.reshape(kernel, [taps, 1, inChannels, outChannels]), [[0, 0], [0, dilation - 1], [0, 0], [0, 0]])
  const flat = tf.reshape(spaced, [taps * dilation, inChannels, outChannels]) as tf.Tensor3D
  return tf.conv1d(x, tf.slice3d(flat, [0, 0, 0], [(taps - 1) * dilation + 1, inChannels, outChannels]), stride, 'valid')
}

tf.registerGradient({
  kernelName: 'Conv1d',
  inputsToSave: ['x', 'weight'],
  gradFunc: (dy, saved, attrs) => {
    const [x, weight] = saved as [tf.Tensor3D, tf.Tensor3D]
    const run = (kernel: string, inputs: tf.NamedTensorMap, extra: Record<string, number>) =>
      tf.engine().runKernel(kernel, inputs, { ...attrs, ...extra } as never) as tf.Tensor
    return {
      x: () => run('Conv1dInputGradient', { dy: dy as tf.Tensor, weight }, { inputLength: x.shape[1] }),
      weight: () => run('Conv1dWeightGradient', { x, dy: dy as tf.Tensor }, { kernelSize: weight.shape[2] }),
    }
  },
})
