import * as tf from '@tensorflow/tfjs-core'

export interface Conv2dOptions {
  /** Along height and width; one number for both. Default 1. */
  readonly stride?: number | readonly [number, number]
  /** Zeros on each side, along height and width; one number for both. Default 0. */
  readonly padding?: number | readonly [number, number]
}

const pair = (value: number | readonly [number, number]): [number, number] =>
  typeof value === 'number' ? [value, value] : [...value]

/**
 * Two-dimensional convolution (cross-correlation, as in PyTorch), channels last.
 *
 * @param x [batch, height, width, inChannels]
 * @param weight [outChannels, inChannels, kernelHeight, kernelWidth], PyTorch's layout
 * @returns [batch, outHeight, outWidth, outChannels], with (length + 2 padding - kernel) / stride + 1 along each side
 */
export const conv2d = (x: tf.Tensor4D, weight: tf.Tensor4D, options: Conv2dOptions = {}): tf.Tensor4D => {
  const [height, width] = pair(options.padding ?? 0)
  const [, inChannels, kernelHeight, kernelWidth] = weight.shape
  if (x.shape[3] !== inChannels)
    throw new RangeError(`conv2d: an input of ${x.shape[3]} channels does not fit a kernel [${weight.shape}].`)
  if (x.shape[1] + 2 * height < kernelHeight || x.shape[2] + 2 * width < kernelWidth)
    throw new RangeError(
      `conv2d: an image of ${x.shape[1]} x ${x.shape[2]} is smaller than the kernel [${weight.shape}].`,
    )
  const filter = tf.transpose(weight, [2, 3, 1, 0])
  return tf.conv2d(x, filter, pair(options.stride ?? 1), [
    [0, 0],
    [height, height],
    [width, width],
    [0, 0],
  ])
}
