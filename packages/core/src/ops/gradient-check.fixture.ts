/** Numerical differentiation for tests. */
import { expectClose } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { compile } from '../engine/index'
import { HostRng } from '../random/index'

/** Normal numbers that are the same in each run. */
export const randomTensor = <T extends tf.Tensor>(shape: readonly number[], seed: number, scale = 1): T => {
  const rng = new HostRng(seed, 'test tensor')
  const values = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => scale * rng.normal())
  return tf.tensor(values, [...shape]) as T
}

export interface GradientCheck {
  /** Step of the differences. Default 0.02. */
  readonly step?: number
  /** Allowed difference as a share of the gradient's largest magnitude. Default 2e-4. */
  readonly relative?: number
  /** Allowed difference where that is larger, for gradients that vanish. Default 0. */
  readonly absolute?: number
}

/**
 * Compares the gradients of a random projection of `fn`'s result, one for each input, with five-point differences (error
 * O(step^4)). The projection is summed in float64, so that only `fn` itself rounds.
 */
export const expectGradients = (
  fn: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  { step = 0.02, relative = 2e-4, absolute = 0 }: GradientCheck = {},
): void => {
  tf.tidy(() => {
    const projection = randomTensor(fn(...inputs).shape, 77)
    const weights = Array.from(projection.dataSync())
    const gradients = tf.grads((...xs: tf.Tensor[]) => tf.sum(tf.mul(fn(...xs), projection)))([...inputs])
    const project = (at: readonly tf.Tensor[]): number => {
      const values = tf.tidy(() => fn(...at).dataSync())
      return weights.reduce((sum, weight, i) => sum + weight * values[i]!, 0)
    }
    inputs.forEach((input, which) => {
      const values = input.dataSync()
      const numeric = Float64Array.from(values, (value, i) => {
        const moved = (by: number) => {
          const copy = Float32Array.from(values)
          copy[i] = value + by
          // float32 may move it by a little more or less than asked for.
          const replaced = tf.tensor(copy, input.shape)
          const result = { by: copy[i]! - value, at: project(inputs.map((x, j) => (j === which ? replaced : x))) }
          replaced.dispose()
          return result
        }
        const [far, near, back, behind] = [moved(2 * step), moved(step), moved(-step), moved(-2 * step)]
        const inner = (near.at - back.at) / (near.by - back.by)
        const outer = (far.at - behind.at) / (far.by - behind.by)
        return (4 * inner - outer) / 3
      })
      expectClose(gradients[which]!, numeric, { relative, absolute, name: `gradient of input ${which}` })
    })
  })
}

/** As {@link expectGradients}, for variables: what `namedParameters()` gives, with `fn` reading them. */
export const expectParameterGradients = (
  parameters: ReadonlyMap<string, tf.Variable>,
  fn: () => tf.Tensor,
  { step = 0.02, relative = 2e-4, absolute = 0 }: GradientCheck = {},
): void => {
  tf.tidy(() => {
    const output = compile(fn)
    const shape = tf.tidy(() => output().shape)
    const weights = Array.from(randomTensor(shape, 77).dataSync())
    const project = (): number => {
      const values = tf.tidy(() => output().dataSync())
      return weights.reduce((sum, weight, i) => sum + weight * values[i]!, 0)
    }
    const gradients = compile(
      (projection: tf.Tensor) =>
        tf.variableGrads(() => tf.sum(tf.mul(fn(), projection)), [...parameters.values()]).grads,
    )
    const analytic = gradients(randomTensor(shape, 77))
    for (const [name, variable] of parameters) {
      const values = variable.dataSync().slice()
      const numeric = Float64Array.from(values, (value, i) => {
        const moved = (by: number) => {
          const copy = Float32Array.from(values)
          copy[i] = value + by
          variable.assign(tf.tensor(copy, variable.shape))
          return { by: copy[i]! - value, at: project() }
        }
        const [far, near, back, behind] = [moved(2 * step), moved(step), moved(-step), moved(-2 * step)]
        return ((4 * (near.at - back.at)) / (near.by - back.by) - (far.at - behind.at) / (far.by - behind.by)) / 3
      })
      variable.assign(tf.tensor(values, variable.shape))
      expectClose(analytic[variable.name]!, numeric, { relative, absolute, name: `gradient of ${name}` })
    }
    output.dispose()
    gradients.dispose()
  })
}
