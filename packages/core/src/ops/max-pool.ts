import * as tf from '@tensorflow/tfjs-core'

export interface MaxPool2dOptions {
  /** Side of the window. */
  readonly size: number
  /** Default: the window's side. */
  readonly stride?: number
  /** Positions on each side that never win. Default 0. */
  readonly padding?: number
}

/**
 * TensorFlow.js's `wasm` kernel puts gradients in wrong places where there is more than one image or channel, and XLA's scatter to
 * the largest of each window is slow on CPU.
 */
const hasGradient = (): boolean => tf.getBackend() === 'tensorflow'

/**
 * The largest value in each window of an image [batch, height, width, channels]. Of equal ones the first (row by row) gets the
 * gradient, as in PyTorch.
 */
export const maxPool2d = (x: tf.Tensor4D, options: MaxPool2dOptions): tf.Tensor4D => {
  const { size, stride = size, padding = 0 } = options
  return hasGradient() ? tf.maxPool(x, size, stride, padding, 'floor') : portable(x, size, stride, padding)
}

/** Maximum over the windows' taps, each a slice. */
const portable = (x: tf.Tensor4D, size: number, stride: number, padding: number): tf.Tensor4D => {
  const [batch, height, width, channels] = x.shape
  const count = (side: number) => Math.floor((side + 2 * padding - size) / stride) + 1
  const [rows, columns] = [count(height), count(width)]
  // Whole cells of stride x stride positions.
  const cells = (side: number, windows: number) =>
    Math.max(windows + Math.floor((size - 1) / stride), Math.ceil((padding + side) / stride))
  const [cellRows, cellColumns] = [cells(height, rows), cells(width, columns)]
  const padded = tf.pad(
    x,
    [
      [0, 0],
      [padding, cellRows * stride - padding - height],
      [padding, cellColumns * stride - padding - width],
      [0, 0],
    ],
    Number.NEGATIVE_INFINITY,
  )
  const grid = tf.reshape(padded, [batch, cellRows, stride, cellColumns, stride, channels])
  const tap = (row: number, column: number) => {
    const begin = [0, Math.floor(row / stride), row % stride, Math.floor(column / stride), column % stride, 0]
    return tf.reshape(tf.slice(grid, begin, [batch, rows, 1, columns, 1, channels]), [batch, rows, columns, channels])
  }
  const taps = Array.from({ length: size * size }, (_, i) => tap(Math.floor(i / size), i % size))
  return taps.reduce((left, right) => tf.maximum(left, right)) as tf.Tensor4D
}
