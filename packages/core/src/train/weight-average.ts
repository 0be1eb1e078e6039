import * as tf from '@tensorflow/tfjs-core'
import { checkRange, type OptimizedParameter } from './optimizer'

export interface WeightAverageOptions {
  /** Share of the average that an update keeps, such as 0.999. */
  readonly decay: number
  /** Begin with a quickly moving average: update n (from 1) keeps min(decay, n / (n + 9)). Default true. */
  readonly warmup?: boolean
  /** Evaluate, and export the best model, with the averaged weights. Default true. */
  readonly evaluate?: boolean
}

/** Moves an average towards a value, on the engine: `average + (value - average) * rate`, exactly the old one at rate 0. */
export const moveAverage = (average: tf.Variable, value: tf.Tensor, rate: tf.Tensor): void => {
  tf.tidy(() => average.assign(tf.add(average, tf.mul(tf.sub(value, average), rate))))
}

/**
 * The exponential moving average of a model's weights over its updates (Polyak and Juditsky 1992): weights that are less noisy than
 * the trained ones, for evaluation and export. It is part of the compiled step.
 */
export class WeightAverage {
  readonly #averages: ReadonlyMap<string, { readonly variable: tf.Variable; readonly average: tf.Variable }>
  readonly #updates: tf.Variable
  readonly #decay: number
  readonly #warmup: boolean

  constructor(parameters: readonly OptimizedParameter[], { decay, warmup = true }: WeightAverageOptions) {
    checkRange('weightAverage.decay', decay, decay >= 0 && decay < 1, 'at least 0 and below 1')
    this.#decay = decay
    this.#warmup = warmup
    this.#averages = new Map(
      parameters.map(({ name, variable }) => [
        name,
        { variable, average: tf.tidy(() => tf.variable(tf.clone(variable), false)) },
      ]),
    )
    this.#updates = tf.tidy(() => tf.variable(tf.scalar(0), false))
  }

  /** Begins at the weights as they are now. */
  reset(): void {
    for (const { variable, average } of this.#averages.values()) tf.tidy(() => average.assign(tf.clone(variable)))
    tf.tidy(() => this.#updates.assign(tf.scalar(0)))
  }

  /** Takes the weights in, unless `accept` (a bool scalar) is false. Part of a compiled step. */
  update(accept: tf.Scalar): void {
    tf.tidy(() => {
      const gate = tf.cast(accept, 'float32')
      const count = tf.add(this.#updates, gate)
      const decay = this.#warmup ? tf.minimum(this.#decay, tf.div(count, tf.add(count, 9))) : tf.scalar(this.#decay)
      const rate = tf.mul(gate, tf.sub(1, decay))
      for (const { variable, average } of this.#averages.values()) moveAverage(average, variable, rate)
      this.#updates.assign(count)
    })
  }

  /** The averaged weights under the parameters' names. */
  weights(): Map<string, tf.Variable> {
    return new Map([...this.#averages].map(([name, { average }]) => [name, average]))
  }

  /** How many updates the average has taken in. */
  get updates(): tf.Variable {
    return this.#updates
  }

  /** Calls `work` while the model's parameters hold the averaged weights; then they are what they were. */
  async using<T>(work: () => Promise<T> | T): Promise<T> {
    const trained = new Map<tf.Variable, tf.Tensor>()
    for (const { variable, average } of this.#averages.values()) {
      trained.set(variable, tf.clone(variable))
      tf.tidy(() => variable.assign(tf.clone(average)))
    }
    try {
      return await work()
    } finally {
      for (const [variable, value] of trained) {
        variable.assign(value)
        value.dispose()
      }
    }
  }

  dispose(): void {
    for (const { average } of this.#averages.values()) average.dispose()
    this.#updates.dispose()
  }
}
