import type * as tf from '@tensorflow/tfjs-core'

export interface CloseTolerance {
  /** Allowed difference as a share of the expected tensor's largest magnitude. Default 1e-5. */
  readonly relative?: number
  /** Allowed difference in the tensor's own unit, where that is larger. Default 0. */
  readonly absolute?: number
  /** What the tensor is called in the failure message. */
  readonly name?: string
}

type Values = ArrayLike<number> | tf.Tensor

const isTensor = (values: Values): values is tf.Tensor => 'dataSync' in values

const toArray = (values: Values): ArrayLike<number> => (isTensor(values) ? values.dataSync() : values)

/** Largest absolute difference, its index, and the largest magnitude expected. NaN in either counts as infinite. */
export const maxDifference = (actual: Values, expected: Values) => {
  const a = toArray(actual)
  const e = toArray(expected)
  if (a.length !== e.length) throw new Error(`${a.length} values where ${e.length} are expected`)
  let difference = 0
  let index = 0
  let magnitude = 0
  for (let i = 0; i < e.length; i++) {
    const [x, y] = [Number(a[i]), Number(e[i])]
    const d = x === y ? 0 : Math.abs(x - y)
    if (!(d <= difference)) {
      difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d
      index = i
    }
    if (Math.abs(y) > magnitude) magnitude = Math.abs(y)
  }
  return { difference, index, magnitude, actual: Number(a[index]), expected: Number(e[index]) }
}

/** Throws unless every value is within the tolerance; the message names the worst one. */
export const expectClose = (actual: Values, expected: Values, tolerance: CloseTolerance = {}): void => {
  const { relative = 1e-5, absolute = 0, name = 'tensor' } = tolerance
  const worst = maxDifference(actual, expected)
  const allowed = Math.max(relative * worst.magnitude, absolute)
  if (!(worst.difference <= allowed)) {
    throw new Error(
      `${name}: differs by ${worst.difference.toExponential(2)} at ${worst.index} (${worst.actual} for ${worst.expected}); ` +
        `${allowed.toExponential(2)} is allowed (largest magnitude ${worst.magnitude.toExponential(2)})`,
    )
  }
}
