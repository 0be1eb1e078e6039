import * as tf from '@tensorflow/tfjs-core'
import { TrainingError } from '../errors'
import type { Batch, MetricReduction, Objective } from './objective'

/** The step's own entries of the metric vector; the objective's follow. */
export const OWN_METRICS = ['loss', 'gradNorm', 'skipped'] as const

/** Scalar `index` of a vector on the engine. */
export const entry = (vector: tf.Tensor, index: number): tf.Scalar =>
  tf.reshape(tf.slice(vector, [index], [1]), []) as tf.Scalar

/** An objective's metrics: their names, which must be the same in each step, and how micro-batches' values are joined. */
export class StepMetricNames<B extends Batch> {
  #found: readonly string[] | undefined

  constructor(private readonly objective: Objective<B>) {}

  /** In alphabetical order; none before the first step. */
  get names(): readonly string[] {
    return this.#found ?? []
  }

  /**
   * Takes the names that a call of the objective gave.
   *
   * @throws TrainingError when they differ from those before, or are the trainer's own.
   */
  check(given: readonly string[]): readonly string[] {
    const names = [...given].sort()
    this.#found ??= names
    if (names.join('\n') !== this.#found.join('\n')) {
      throw new TrainingError(
        `objective "${this.objective.name}" gave the metrics ${names.join(', ')}, where it gave ` +
          `${this.#found.join(', ')} before.`,
        { cure: 'Give the same names for each batch.' },
      )
    }
    const reserved = OWN_METRICS.find((name) => names.includes(name))
    if (reserved) {
      throw new TrainingError(
        `the metric name "${reserved}" of objective "${this.objective.name}" belongs to the trainer.`,
        { cure: 'Rename the metric.' },
      )
    }
    return names
  }

  /** The total sample size of `[loss, ...metrics]` summed over the micro-batches: 1 where it is 0, their number where there is none. */
  sampleSize(total: tf.Tensor1D, accumulate: number): tf.Scalar {
    const index = this.names.indexOf('sampleSize')
    const size = index < 0 ? tf.scalar(accumulate) : entry(total, index + 1)
    return tf.where(tf.greater(size, 0), size, tf.onesLike(size)) as tf.Scalar
  }

  /** `[loss, ...metrics]` from their sums over the micro-batches. */
  reduce(total: tf.Tensor1D, accumulate: number, sampleSize: tf.Scalar): tf.Tensor1D {
    const reductions = this.names.map((name) =>
      name === 'sampleSize' ? 'sum' : (this.objective.reductions?.[name] ?? 'mean'),
    )
    const fixed = { mean: accumulate, sum: 1, perSample: 0 } satisfies Record<MetricReduction, number>
    const divisors = tf.add(
      tf.tensor1d([0, ...reductions.map((reduction) => fixed[reduction])]),
      tf.mul(tf.tensor1d([1, ...reductions.map((reduction) => (reduction === 'perSample' ? 1 : 0))]), sampleSize),
    )
    return tf.div(total, divisors)
  }
}
