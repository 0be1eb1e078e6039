import * as tf from '@tensorflow/tfjs-core'
import { HostRng } from '../random/index'
import { expectClose } from './close'

/** A tensor of normal numbers, the same at each call. */
export const randomTensor = <R extends tf.Rank>(shape: tf.ShapeMap[R], seed: number, scale = 1): tf.Tensor<R> => {
  const rng = new HostRng(seed, 'random tensor')
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => rng.normal() * scale)
  return tf.tensor(values, shape)
}

/**
 * Compares the gradient of a weighted sum of `fn`'s output with central differences, input by input.
 *
 * @param tolerance Of the largest gradient of each input. Float32 differences carry errors of about 1e-3.
 */
export const expectGradients = (fn: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[], tolerance = 5e-3, delta = 1e-2): void => {
  const weights = randomTensor(fn(...inputs).shape as [number], 99)
  const scalar = (...args: tf.Tensor[]) => tf.sum(tf.mul(fn(...args), weights)) as tf.Scalar
  const analytic = tf.grads(scalar)(inputs)
  inputs.forEach((input, i) => {
    const values = input.dataSync() as Float32Array
    const numeric = Float32Array.from(values, (value, at) => {
      const moved = (by: number) => {
        const copy = Float32Array.from(values)
        copy[at] = value + by
        const args = inputs.map((other, j) => (j === i ? tf.tensor(copy, input.shape) : other))
        return scalar(...args).dataSync()[0]!
      }
      return (moved(delta) - moved(-delta)) / (2 * delta)
    })
    expectClose(analytic[i]!, numeric, { relative: tolerance, name: `gradient of input ${i}` })
  })
}
