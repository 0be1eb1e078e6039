import * as tf from '@tensorflow/tfjs-core'
import { HostRng } from '../random/index'

/** Makes parameters with their starting values. Each parameter draws from a stream of its own, in the order of creation. */
export class Initializer {
  readonly #seed: number | undefined
  #made = 0

  /** @param seed Equal seeds give equal models. */
  constructor(seed: number) {
    this.#seed = seed
  }

  /** Makes zeros only: for models whose values are loaded next. */
  static empty(): Initializer {
    const initializer = new Initializer(0)
    initializer.#empty = true
    return initializer
  }

  #empty = false

  /** Normal with mean 0. */
  normal(shape: readonly number[], std: number): tf.Variable {
    return this.#fill(shape, (rng) => rng.normal() * std)
  }

  /** Uniform on [-bound, bound). */
  uniform(shape: readonly number[], bound: number): tf.Variable {
    return this.#fill(shape, (rng) => (2 * rng.uniform() - 1) * bound)
  }

  constant(shape: readonly number[], value: number): tf.Variable {
    return variable(new Float32Array(tf.util.sizeFromShape([...shape])).fill(this.#empty ? 0 : value), shape)
  }

  /** A buffer: not trained, see `Module.bufferNames`. */
  buffer(shape: readonly number[], value: number, dtype: 'float32' | 'int32' = 'float32'): tf.Variable {
    const start = tf.fill([...shape], value, dtype)
    const made = tf.variable(start, false, undefined, dtype)
    start.dispose()
    return made
  }

  /** Values worked out by the caller, from this parameter's stream. */
  from(shape: readonly number[], values: (rng: HostRng, count: number) => Float32Array): tf.Variable {
    const rng = new HostRng(this.#seed ?? 0, 'parameter', this.#made++)
    const count = tf.util.sizeFromShape([...shape])
    return variable(this.#empty ? new Float32Array(count) : values(rng, count), shape)
  }

  #fill(shape: readonly number[], draw: (rng: HostRng) => number): tf.Variable {
    return this.from(shape, (rng, count) => {
      const values = new Float32Array(count)
      for (let i = 0; i < count; i++) values[i] = draw(rng)
      return values
    })
  }
}

const variable = (values: Float32Array, shape: readonly number[]): tf.Variable => {
  const initial = tf.tensor(values, [...shape], 'float32')
  const made = tf.variable(initial, true)
  initial.dispose()
  return made
}
