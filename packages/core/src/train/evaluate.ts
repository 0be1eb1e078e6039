import * as tf from '@tensorflow/tfjs-core'
import { type BatchSource, toTensors } from '../data/index'
import { compile } from '../engine/index'
import { Rng, rngKey } from '../random/index'
import type { Batch, Objective } from './objective'

export interface ObjectiveEvaluatorOptions<B extends Batch = Batch> {
  readonly objective: Objective<B>
  /** Its epoch 0 is evaluated. */
  readonly data: BatchSource
  /** For objectives that sample (distractors on the engine); the same keys are used in each evaluation. */
  readonly seed: number
  /** Default: the whole epoch. */
  readonly maxBatches?: number
}

/**
 * Makes an evaluation hook for `Trainer`: the objective's loss and metrics over held-out batches with `training: false`,
 * joined by the objective's reductions. The forward pass is one compiled program for each batch shape.
 */
export const objectiveEvaluator = <B extends Batch = Batch>(
  options: ObjectiveEvaluatorOptions<B>,
): ((step: number) => Promise<Record<string, number>>) => {
  const { objective, data, seed } = options
  let names: string[] = []
  const forward = compile(
    (batch: Batch, key: tf.Tensor1D, step: tf.Scalar): tf.Tensor1D => {
      const { loss, metrics } = objective.loss(batch as B, { rng: new Rng(key), training: false, step })
      names = Object.keys(metrics).sort()
      const values = [loss, ...names.map((name) => metrics[name]!)]
      return tf.stack(values.map((value) => tf.reshape(tf.cast(value, 'float32'), []))) as tf.Tensor1D
    },
    { name: `${objective.name} evaluation` },
  )
  return async (step) => {
    const batches = Math.min(data.batchesPerEpoch(0), options.maxBatches ?? Number.POSITIVE_INFINITY)
    const totals: number[] = []
    for (let index = 0; index < batches; index++) {
      const batch = toTensors(await data.batch(0, index))
      const key = rngKey(seed, 'evaluation', index)
      const number = tf.scalar(step)
      const vector = forward(batch, key, number)
      tf.dispose([batch, key, number])
      const values = await vector.data()
      vector.dispose()
      values.forEach((value, position) => {
        totals[position] = (totals[position] ?? 0) + value
      })
    }
    const sampleIndex = names.indexOf('sampleSize')
    const samples = sampleIndex < 0 ? batches : totals[sampleIndex + 1]! || 1
    const means = names.map((name, index) => {
      const reduction = name === 'sampleSize' ? 'sum' : (objective.reductions?.[name] ?? 'mean')
      return [name, totals[index + 1]! / { mean: batches, sum: 1, perSample: samples }[reduction]] as const
    })
    return { loss: totals[0]! / samples, ...Object.fromEntries(means) }
  }
}
