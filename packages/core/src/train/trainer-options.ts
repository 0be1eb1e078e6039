import type { Precision } from '@babble/tfjs-backend-xla'
import type * as tf from '@tensorflow/tfjs-core'
import type { HostTensor } from '../checkpoint/index'
import type { BatchSource } from '../data/index'
import type { RecordingCardOptions } from '../report/index'
import type { OptimizerOptions } from './make-optimizer'
import type { Monitor } from './monitor'
import type { Batch, Objective } from './objective'
import type { ParameterGroup, TrainableModel } from './parameter-groups'
import type { ProgressListener } from './progress'
import type { KeepBestOptions } from './retention'
import type { MetricsRecord } from './run-log'
import type { Schedule } from './schedules'
import type { WeightAverageOptions } from './weight-average'

/** What a trainer needs of a model; every `Module` has it. */
export interface CheckpointableModel extends TrainableModel {
  stateDict(): Map<string, tf.Tensor>
  loadStateDict(tensors: Map<string, HostTensor>, options?: { strict?: boolean; file?: string }): unknown
}

export interface TrainerOptions<B extends Batch = Batch> {
  readonly model: CheckpointableModel
  readonly objective: Objective<B>
  readonly data: BatchSource
  /** Updates in all, those before a resume included. */
  readonly maxSteps: number
  /** AdamW, unless its `name` says otherwise. */
  readonly optimizer: OptimizerOptions
  /** Factor on the learning rate for update `step` (from 1). Default: constant. */
  readonly schedule?: Schedule
  /** Largest global gradient norm. Default: no clipping. */
  readonly clipNorm?: number
  /** Keep an exponential moving average of the weights, part of each checkpoint. Default: none. */
  readonly weightAverage?: WeightAverageOptions
  /**
   * Parts that each batch is cut into along axis 0, to need less memory: gradients, sums and random numbers are those of the whole
   * batch, up to the order of summation. With `devices` it may change from one session of a run to the next. Default 1.
   */
  readonly accumulate?: number
  /**
   * Devices that share each part, cut along axis 0 again; they are given to the engine by
   * `loadEngine({ xla: { deviceCount } })`. The run is that of one device, up to the order of summation. Default 1.
   */
  readonly devices?: number
  /**
   * `bf16`: matrix products, convolutions and the elementwise work between them in bfloat16, with float32 sums, norms, losses, parameters and
   * optimiser state; it is fast on GPUs and on CPUs with AMX. On other engines than `xla` it changes nothing. Default `float32`.
   */
  readonly precision?: Precision
  /** All the run's randomness follows from it. */
  readonly seed: number
  /** Where the log and the checkpoints go. Default: nothing is written. */
  readonly runDirectory?: string
  /** Go on from the last complete checkpoint in `runDirectory`, if there is one. Default true; false refuses a used directory. */
  readonly resume?: boolean
  /** Updates between checkpoints. Default 1000; one is always written at the end. */
  readonly checkpointEvery?: number
  /** Checkpoints kept, the newest. Default 3. */
  readonly keepLast?: number
  /** Keep the checkpoints that did best in the evaluation too, and the best model for use in `best`. Default: none. */
  readonly keepBest?: KeepBestOptions
  /** The model's configuration: written into each checkpoint as `config.json`, and compared on resume. */
  readonly modelConfig?: Readonly<Record<string, unknown>>
  /** Heads the report. Default: the objective's name. */
  readonly title?: string
  /** What the caller's own configuration says, such as a recipe: written into `config.json` of the run's folder and into the report. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Event files for TensorBoard in `tensorboard`. Default true. */
  readonly tensorBoard?: boolean
  /** `report.html`, written after each evaluation and at the end. Default true. */
  readonly report?: boolean
  /** Further fields for `run.json`. */
  readonly runInfo?: Readonly<Record<string, unknown>>
  /** Updates between log records, which average over them. Default 10. */
  readonly logEvery?: number
  /** Updates between evaluations. Default: none before the end. With `evaluate`, there is always one at the end. */
  readonly evaluateEvery?: number
  /** Gives metrics to log. It must not change the parameters. */
  readonly evaluate?: (step: number) => Promise<Record<string, number>>
  /** Gives recordings with what the model makes of them, for the report and TensorBoard; called after each evaluation. */
  readonly samples?: (step: number) => Promise<readonly RecordingCardOptions[]>
  readonly parameterGroups?: readonly ParameterGroup[]
  /** Watch the run, beside the built-in guard against losses that are not finite. */
  readonly monitors?: readonly Monitor[]
  /** Steps in a row that may be not finite before training stops. Default 10. */
  readonly nonFinitePatience?: number
  readonly onProgress?: ProgressListener
  /** Aborting finishes the current step, saves and returns `interrupted`. */
  readonly signal?: AbortSignal
  /** Treat SIGINT and SIGTERM like an abort; a second one ends the process at once. Default false. */
  readonly handleSignals?: boolean
}

export interface TrainerResult {
  readonly status: 'completed' | 'interrupted'
  /** Updates done in all. */
  readonly step: number
  /** The run's `train` and `evaluation` records from its first step on. */
  readonly history: readonly MetricsRecord[]
  /** Updates that were refused because loss or gradient was not finite, those before a resume included. */
  readonly skippedSteps: number
}
