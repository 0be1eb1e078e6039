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
    throw new RangeError(
      `conv1d: an input of ${x.shape[2]} channels does not fit a kernel [${weight.shape}] in ${groups} group(s).`,
    )
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

/**
 * The same from ops that every TensorFlow.js backend has with their gradients (slices and matrix products): the windows' taps side by
 * side, times the kernel.
 */
const portable = (
  x: tf.Tensor3D,
  weight: tf.Tensor3D,
  { stride, padding, groups, dilation }: Conv1dAttributes,
): tf.Tensor3D => {
  const [batch, time, channels] = x.shape
  const [outChannels, groupChannels, kernel] = weight.shape
  const padded = padding[0] + time + padding[1]
  const frames = Math.floor((padded - dilation * (kernel - 1) - 1) / stride) + 1
  // Rows of `stride` steps: the tap at an offset is one slice, of the offset's phase within a row.
  const rows = Math.max(Math.ceil(padded / stride), Math.floor((dilation * (kernel - 1)) / stride) + frames)
  const signal = tf.pad3d(x, [
    [0, 0],
    [padding[0], rows * stride - time - padding[0]],
    [0, 0],
  ])
  const phases = tf.reshape(signal, [batch, rows, stride, channels])
  const taps = Array.from({ length: kernel }, (_, k) => {
    const offset = k * dilation
    const tap = tf.slice(phases, [0, Math.floor(offset / stride), offset % stride, 0], [batch, frames, 1, channels])
    return tf.reshape(tap, [batch * frames, groups, 1, groupChannels])
  })
  const windows = tf.reshape(tf.concat(taps, 2), [batch * frames, groups, kernel * groupChannels])
  const kernels = tf.reshape(weight, [groups, outChannels / groups, groupChannels, kernel])
  const columns = tf.reshape(tf.transpose(kernels, [0, 3, 2, 1]), [
    groups,
    kernel * groupChannels,
    outChannels / groups,
  ])
  const products = tf.matMul(tf.transpose(windows, [1, 0, 2]), columns)
  return tf.reshape(tf.transpose(products, [1, 0, 2]), [batch, frames, outChannels])
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
