import * as tf from '@tensorflow/tfjs-core'
import { conv2d } from './conv2d'

type Triple = readonly [number, number, number]

export interface Conv3dOptions {
  /** Along time, height and width; one number for all. Default 1. */
  readonly stride?: number | Triple
  /** Zeros on each side, along time, height and width; one number for all. Default 0. */
  readonly padding?: number | Triple
}

const triple = (value: number | Triple): Triple => (typeof value === 'number' ? [value, value, value] : value)

/** Frames at offset `tap` of each window of a signal that is held in rows of `stride` frames. */
const framesAt = (rows: tf.Tensor, tap: number, stride: number, count: number): tf.Tensor5D => {
  const [batch, , , height, width, channels] = rows.shape as [number, number, number, number, number, number]
  const begin = [0, Math.floor(tap / stride), tap % stride, 0, 0, 0]
  const slice = tf.slice(rows, begin, [batch, count, 1, height, width, channels])
  return tf.reshape(slice, [batch, count, height, width, channels])
}

/**
 * Convolution over time and image (cross-correlation, as in PyTorch), channels last.
 *
 * The frames under a window's taps in time are put side by side as channels, which leaves a two-dimensional convolution: those
 * have fast kernels on every engine, and so have their gradients. It costs a copy of the input for each tap in time, so it suits
 * stems (few input channels) best.
 *
 * @param x [batch, time, height, width, inChannels]
 * @param weight [outChannels, inChannels, kernelTime, kernelHeight, kernelWidth], PyTorch's layout
 * @returns [batch, outTime, outHeight, outWidth, outChannels]
 */
export const conv3d = (x: tf.Tensor5D, weight: tf.Tensor5D, options: Conv3dOptions = {}): tf.Tensor5D => {
  const [stride, strideHeight, strideWidth] = triple(options.stride ?? 1)
  const [pad, padHeight, padWidth] = triple(options.padding ?? 0)
  const [batch, time, height, width, channels] = x.shape
  const [outChannels, inChannels, kernel, kernelHeight, kernelWidth] = weight.shape
  if (channels !== inChannels)
    throw new RangeError(`conv3d: an input of ${channels} channels does not fit a kernel [${weight.shape}].`)
  if (time + 2 * pad < kernel) throw new RangeError(`conv3d: ${time} frames are fewer than the kernel's ${kernel}.`)
  const count = Math.floor((time + 2 * pad - kernel) / stride) + 1
  // Whole rows of `stride` frames: what a stride leaves over at the end is cut off, what is missing is filled up.
  const rowCount = Math.max(count + Math.floor((kernel - 1) / stride), Math.ceil((pad + time) / stride))
  const padded = tf.pad(x, [
    [0, 0],
    [pad, rowCount * stride - pad - time],
    [0, 0],
    [0, 0],
    [0, 0],
  ])
  const rows = tf.reshape(padded, [batch, rowCount, stride, height, width, channels])
  const taps = Array.from({ length: kernel }, (_, tap) => framesAt(rows, tap, stride, count))
  const images = tf.reshape(tf.concat(taps, 4), [batch * count, height, width, kernel * channels]) as tf.Tensor4D
  const flat = tf.reshape(tf.transpose(weight, [0, 2, 1, 3, 4]), [
    outChannels,
    kernel * inChannels,
    kernelHeight,
    kernelWidth,
  ]) as tf.Tensor4D
  const y = conv2d(images, flat, { stride: [strideHeight, strideWidth], padding: [padHeight, padWidth] })
  return tf.reshape(y, [batch, count, y.shape[1], y.shape[2], outChannels])
}
