import '../gradients'
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'vitest'
import { findPlugin, registerXla } from '../index'

/** The engines that control flow is tested on: the recording one where there is a plugin, and one that runs plain loops. */
export const engines = findPlugin({ device: 'cpu' }) ? ['xla', 'cpu'] : ['cpu']

export const useEngine = async (name: string): Promise<void> => {
  if (name === 'xla') await registerXla({ device: 'cpu' })
  else await tf.setBackend(name)
}

export const values = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync())

/** Normal numbers, the same for the same seed. */
export const numbers = (shape: number[], seed: number, deviation = 0.7): tf.Tensor =>
  tf.randomNormal(shape, 0, deviation, 'float32', seed)

export const expectClose = (actual: tf.Tensor, expected: tf.Tensor, tolerance = 1e-5): void => {
  expect(actual.shape).toEqual(expected.shape)
  const other = values(expected)
  values(actual).forEach((value, i) => {
    expect(Math.abs(value - other[i]!), `element ${i}: ${value} and ${other[i]}`).toBeLessThan(tolerance)
  })
}

export const expectAllClose = (
  actual: readonly tf.Tensor[],
  expected: readonly tf.Tensor[],
  tolerance = 1e-5,
): void => {
  expect(actual).toHaveLength(expected.length)
  actual.forEach((tensor, i) => {
    expectClose(tensor, expected[i]!, tolerance)
  })
}

/** The gradient of `fn` at `x` by central differences. */
export const numericGradient = (fn: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, by = 1e-2): tf.Tensor => {
  const at = values(x)
  const slope = (i: number) => {
    const shifted = (sign: number) => {
      const moved = Float32Array.from(at, (value, j) => value + (i === j ? sign * by : 0))
      return fn(tf.tensor(moved, x.shape)).dataSync()[0]!
    }
    return (shifted(1) - shifted(-1)) / (2 * by)
  }
  return tf.tensor(
    at.map((_, i) => slope(i)),
    x.shape,
  )
}
