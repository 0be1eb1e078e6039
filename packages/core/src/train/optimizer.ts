import type * as tf from '@tensorflow/tfjs-core'
import { ConfigError } from '../errors'

/** A parameter under optimisation. */
export interface OptimizedParameter {
  readonly name: string
  readonly variable: tf.Variable
  /** Index of its parameter group: groups have a learning rate and an update count of their own. */
  readonly group: number
  /** Weight decay in place of the optimiser's. */
  readonly weightDecay?: number
}

export interface OptimizerUpdate {
  /** Gradients by parameter name. A parameter without one is left alone altogether, as PyTorch does. */
  readonly gradients: ReadonlyMap<string, tf.Tensor>
  /** The learning rate of each group, as scalars on the engine. */
  readonly learningRates: readonly tf.Scalar[]
  /** Groups to update; the others keep parameters, moments and count. */
  readonly activeGroups: readonly number[]
  /** Multiplies each gradient (clipping, sample size). */
  readonly gradientFactor: tf.Scalar
  /** bool scalar: where false nothing changes, whatever the gradients hold (NaN included). */
  readonly accept: tf.Scalar
}

/**
 * Turns gradients into updates. `apply` consists of TensorFlow.js ops and variable assignments only, so that it can be part of a
 * compiled step.
 */
export interface Optimizer {
  apply(update: OptimizerUpdate): void
  /** The variables that a checkpoint must hold, by name. */
  state(): Map<string, tf.Variable>
  dispose(): void
}

/** Refuses an option out of its range. */
export const checkRange = (field: string, value: number, valid: boolean, wanted: string): void => {
  if (!valid) throw new ConfigError(`${field} is ${value}; it must be ${wanted}.`, { field })
}
