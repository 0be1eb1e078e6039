import type * as tf from '@tensorflow/tfjs-core'
import type { Rng } from '../random/index'

/** A batch on the engine, by argument name. */
export type Batch = Record<string, tf.Tensor>

/** What an objective is told beside its batch. */
export interface ObjectiveContext {
  /** Keyed random tensors: new ones in each step, the same ones when the step is repeated under the same seed. */
  readonly rng: Rng
  /** Whether dropout, LayerDrop and sampling noise are on. */
  readonly training: boolean
  /** The step's number as a float32 scalar on the engine; 1 for the first update. For annealing, such as a temperature. */
  readonly step: tf.Scalar
}

/** What an objective gives back. */
export interface ObjectiveResult {
  /** What is minimised: a mean over the batch, or a sum when `metrics.sampleSize` says over how many terms. */
  readonly loss: tf.Scalar
  /** Scalars to log. `sampleSize` has a meaning of its own: loss and gradients are divided by it. */
  readonly metrics: Record<string, tf.Scalar>
}

/**
 * How a metric is joined over the micro-batches of a step, the steps of a logging window and the batches of an evaluation.
 * - `mean` (the default): the plain average.
 * - `sum`: the total over a step's micro-batches (and averaged over steps).
 * - `perSample`: a total that is divided by the total `sampleSize`, as the loss is.
 */
export type MetricReduction = 'mean' | 'sum' | 'perSample'

/**
 * A training objective: the seam at which a new method joins the shared trainer.
 *
 * `loss` is made of TensorFlow.js ops only and reads nothing on the host, since the trainer turns it, its gradient and the update
 * into one program. It gives the same metric names each time. When `metrics.sampleSize` is present, `loss` is a SUM over that many
 * terms (masked frames, tokens), and the trainer divides loss and gradients by the total over the step's micro-batches, so that
 * accumulation equals one large batch whatever the lengths.
 */
export interface Objective<B extends Batch = Batch> {
  readonly name: string
  /** Reductions of metrics other than by mean. `sampleSize` is always summed. */
  readonly reductions?: Readonly<Record<string, MetricReduction>>
  loss(batch: B, context: ObjectiveContext): ObjectiveResult
  /**
   * Called within the update's program right after the optimiser, once an update, for what follows the parameters, such as the moving
   * average of an EMA teacher. It may assign the model's buffers only; where the update is refused they stay as they were.
   */
  afterUpdate?(context: { readonly step: tf.Scalar }): void
}
