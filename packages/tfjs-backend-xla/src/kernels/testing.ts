import '../gradients'
import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'vitest'
import { jit } from '../index'

/** Values to make the same tensor of on several backends. */
export interface Input {
  readonly values: readonly number[]
  readonly shape: readonly number[]
  readonly dtype?: 'float32' | 'int32' | 'bool'
}

type Compute = (...inputs: tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[]

interface Result {
  readonly shape: number[]
  readonly dtype: string
  readonly values: number[]
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

/** Numbers in [-2, 2) that look random and are always the same. */
export const noise = (shape: readonly number[], seed = 1): Input => ({
  shape,
  values: Array.from({ length: sizeOf(shape) }, (_, i) => {
    const x = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453
    return Math.fround((x - Math.floor(x)) * 4 - 2)
  }),
})

/** Whole numbers of [0, `below`). */
export const whole = (shape: readonly number[], below: number, seed = 1): Input => ({
  shape,
  values: noise(shape, seed).values.map((x) => Math.floor(((x + 2) / 4) * below)),
  dtype: 'int32',
})

export const of = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
  dtype?: Input['dtype'],
): Input => ({
  values,
  shape,
  ...(dtype && { dtype }),
})

/** The gradients of `fn` by all its inputs, its result's elements weighted differently. */
export const gradients =
  (fn: (...inputs: tf.Tensor[]) => tf.Tensor): Compute =>
  (...inputs) =>
    tf.grads((...xs) => {
      const y = fn(...xs)
      const weights = tf.reshape(tf.cos(tf.range(0, y.size, 1, 'float32')), y.shape)
      return tf.sum(tf.mul(y, weights))
    })(inputs)

const run = (compute: Compute, inputs: readonly Input[]): Result[] =>
  tf.tidy(() => {
    const tensors = inputs.map(({ values, shape, dtype }) => tf.tensor([...values], [...shape], dtype ?? 'float32'))
    const results = compute(...tensors)
    return [results].flat().map((tensor) => ({
      shape: tensor.shape,
      dtype: tensor.dtype,
      values: Array.from(tensor.dataSync()),
    }))
  })

const expectClose = (actual: readonly Result[], expected: readonly Result[], tolerance: number): void => {
  expect(actual.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    expected.map(({ shape, dtype }) => ({ shape, dtype })),
  )
  for (const [i, { values }] of expected.entries()) {
    const far = values.flatMap((value, at) => {
      const other = actual[i]!.values[at]!
      const same = Object.is(value, other) || value === other
      return same || Math.abs(other - value) <= tolerance * (1 + Math.abs(value)) ? [] : [{ at, value, other }]
    })
    expect(far).toEqual([])
  }
}

/**
 * Expects `compute` to give on `xla`, eagerly and inside `jit`, what it gives on TensorFlow.js's `cpu` backend: the same shapes, dtypes and
 * values, within a few roundings.
 */
export const expectAsOnCpu = async (compute: Compute, inputs: readonly Input[], tolerance = 2e-6): Promise<void> => {
  await tf.setBackend('cpu')
  const expected = run(compute, inputs)
  await tf.setBackend('xla')
  expectClose(run(compute, inputs), expected, tolerance)
  const compiled = jit(compute as (...xs: tf.Tensor[]) => tf.Tensor[])
  expectClose(
    run((...tensors) => compiled(...tensors), inputs),
    expected,
    tolerance,
  )
}
