import type { Precision } from '@babble/tfjs-backend-xla'
import type * as tf from '@tensorflow/tfjs-core'
import type { OptimizerOptions } from './make-optimizer'
import type { Batch, Objective } from './objective'
import type { OptimizedParameter } from './optimizer'
import type { WeightAverage } from './weight-average'

export interface TrainStepOptions<B extends Batch> {
  readonly parameters: readonly OptimizedParameter[]
  readonly objective: Objective<B>
  readonly optimizer: OptimizerOptions
  /** Largest global gradient norm; undefined: no clipping. */
  readonly clipNorm?: number
  /** Micro-batches to a step. */
  readonly accumulate: number
  /** Devices that share each micro-batch. Default 1. */
  readonly devices?: number
  /** What products compute in, see `compile`. Default `float32`. */
  readonly precision?: Precision
  /** Takes in the weights after each update. */
  readonly weightAverage?: WeightAverage
  /** Variables that the forward pass writes; a refused update leaves them as they were. Default: none. */
  readonly buffers?: Iterable<tf.Variable>
}

/** The numbers that change from step to step. */
export interface StepControls {
  /** Number of the step; 1 for the first. */
  readonly step: number
  /** Learning rate of each parameter group. */
  readonly learningRates: readonly number[]
  /** Groups that train in this step; the others are frozen: no gradient, no decay, no change of moments. */
  readonly activeGroups: readonly number[]
  /** The step's random key: int32 [2], see `rngKeyValues`. Micro-batches draw their rows of what one large batch would draw. */
  readonly key: Int32Array
}

/** What the vector that a step returns says. */
export interface StepReading {
  readonly metrics: Readonly<Record<string, number>>
  /** Norm of each parameter's gradient, before clipping. */
  readonly gradientNorms: ReadonlyMap<string, number>
}
