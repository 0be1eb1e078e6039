import type { Precision, ProgramProfile } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { type CompiledFunction, compile } from '../engine/index'
import { ConfigError, TrainingError } from '../errors'
import { Rng } from '../random/index'
import { AdamW, type AdamWOptions, type OptimizedParameter } from './adamw'
import { clipFactor, globalNorm } from './clip'
import type { Batch, MetricReduction, Objective } from './objective'

export interface TrainStepOptions<B extends Batch> {
  readonly parameters: readonly OptimizedParameter[]
  readonly objective: Objective<B>
  readonly optimizer: AdamWOptions
  /** Largest global gradient norm; undefined: no clipping. */
  readonly clipNorm?: number
  /** Micro-batches to a step. */
  readonly accumulate: number
  /** Devices that share each micro-batch. Default 1. */
  readonly devices?: number
  /** What products compute in, see `compile`. Default `float32`. */
  readonly precision?: Precision
}

/** The numbers that change from step to step. */
export interface StepControls {
  /** Number of the step; 1 for the first. */
  readonly step: number
  /** Learning rate of each parameter group. */
  readonly learningRates: readonly number[]
  /** Groups that train in this step; the others are frozen: no gradient, no decay, no change of moments. */
  readonly activeGroups: readonly number[]
  /** One key for each micro-batch: int32 [2], see `rngKeyValues`. */
  readonly keys: readonly Int32Array[]
}

/** The step's own entries of the metric vector; the objective's follow in `TrainStep.metricNames`. */
const OWN_METRICS = ['loss', 'gradNorm', 'skipped'] as const

/** Scalar `index` of a vector on the engine. */
const entry = (vector: tf.Tensor, index: number): tf.Scalar =>
  tf.reshape(tf.slice(vector, [index], [1]), []) as tf.Scalar

/**
 * One training step as one compiled program: forward, backward, clipping, AdamW. With `accumulate` above 1 it is two: one adds a
 * micro-batch's gradients to accumulators, the other updates from their total.
 *
 * All that varies comes in as tensors, so a program is traced once per batch shape and set of unfrozen groups. The update is
 * refused on the engine itself when loss or gradient norm is not finite.
 */
export class TrainStep<B extends Batch = Batch> {
  readonly optimizer: AdamW
  readonly #options: TrainStepOptions<B>
  readonly #accumulators: Map<string, tf.Variable>
  /** Parameters that a gradient has been seen for; the others are unconnected to the loss and stay as they are. */
  readonly #connected = new Set<string>()
  readonly #fused: CompiledFunction<[string, Batch, tf.Tensor1D, tf.Tensor1D], tf.Tensor1D>
  readonly #gather: CompiledFunction<[string, Batch, tf.Tensor1D, tf.Tensor1D], tf.Tensor1D>
  readonly #update: CompiledFunction<[string, number, tf.Tensor1D[], tf.Tensor1D], tf.Tensor1D>
  #objectiveMetrics: string[] | undefined

  constructor(options: TrainStepOptions<B>) {
    const { parameters, optimizer, accumulate, objective, clipNorm, devices = 1, precision = 'float32' } = options
    if (parameters.length === 0) throw new ConfigError('the model has no trainable parameter.', { field: 'model' })
    if (!Number.isInteger(accumulate) || accumulate < 1) {
      throw new ConfigError(`accumulate is ${accumulate}; it must be a whole number of at least 1.`, {
        field: 'accumulate',
      })
    }
    if (clipNorm !== undefined && !(clipNorm > 0)) {
      throw new ConfigError(`clipNorm is ${clipNorm}; it must be above 0.`, {
        field: 'clipNorm',
        cure: 'Leave it out for no clipping.',
      })
    }
    this.#options = options
    this.optimizer = new AdamW(parameters, optimizer)
    this.#accumulators = new Map(
      accumulate === 1
        ? []
        : parameters.map(({ name, variable }) => [name, tf.tidy(() => tf.variable(tf.zeros(variable.shape), false))]),
    )
    this.#fused = compile((groups, batch, key, controls) => this.#runFused(groups, batch, key, controls), {
      name: `${objective.name} step`,
      devices,
      precision,
      sharded: [1],
    })
    this.#gather = compile((groups, batch, key, controls) => this.#runGather(groups, batch, key, controls), {
      name: `${objective.name} gradients`,
      devices,
      precision,
      sharded: [1],
    })
    // The count of connected parameters is a static argument: should it grow, the update is traced anew.
    this.#update = compile((groups, _connected, raws, controls) => this.#runUpdate(groups, raws, controls), {
      name: `${objective.name} update`,
      devices,
    })
  }

  /** Names of the values that `run` returns, in order; known after the first run. */
  get metricNames(): readonly string[] {
    return [...OWN_METRICS, ...(this.#objectiveMetrics ?? [])]
  }

  /** Programs traced so far. It stays where it is while batch shapes repeat; always 0 on engines that do not compile. */
  get traceCount(): number {
    return this.#fused.traceCount + this.#gather.traceCount + this.#update.traceCount
  }

  /** Runs one step on `accumulate` micro-batches and returns its metrics as a vector, without waiting for the engine. */
  run(batches: readonly Batch[], controls: StepControls): tf.Tensor1D {
    const active = controls.activeGroups.join(',')
    const numbers = tf.tensor1d([controls.step, ...controls.learningRates], 'float32')
    const keys = controls.keys.map((key) => tf.tensor1d(key, 'int32'))
    try {
      if (this.#options.accumulate === 1) return this.#fused(active, batches[0]!, keys[0]!, numbers)
      const raws = batches.map((batch, index) => this.#gather(active, batch, keys[index]!, numbers))
      try {
        return this.#update(active, this.#connected.size, raws, numbers)
      } finally {
        tf.dispose(raws)
      }
    } finally {
      tf.dispose([numbers, keys])
    }
  }

  /** Times the parts of the program that computes one micro-batch's gradients (and, without accumulation, updates) one by one; `xla` only. */
  profile(batch: Batch, controls: StepControls): ProgramProfile {
    const program = this.#options.accumulate === 1 ? this.#fused : this.#gather
    const numbers = tf.tensor1d([controls.step, ...controls.learningRates], 'float32')
    const key = tf.tensor1d(controls.keys[0]!, 'int32')
    try {
      return program.profile(controls.activeGroups.join(','), batch, key, numbers)
    } finally {
      tf.dispose([numbers, key])
    }
  }

  dispose(): void {
    for (const program of [this.#fused, this.#gather, this.#update]) program.dispose()
    for (const accumulator of this.#accumulators.values()) accumulator.dispose()
    this.optimizer.dispose()
  }

  #runFused(active: string, batch: Batch, key: tf.Tensor1D, controls: tf.Tensor1D): tf.Tensor1D {
    const { raw, gradients } = this.#differentiate(active, batch, key, controls)
    return this.#applyGradients(active, raw, gradients, controls)
  }

  #runGather(active: string, batch: Batch, key: tf.Tensor1D, controls: tf.Tensor1D): tf.Tensor1D {
    const { raw, gradients } = this.#differentiate(active, batch, key, controls)
    for (const [name, gradient] of gradients) {
      const accumulator = this.#accumulators.get(name)!
      accumulator.assign(tf.add(accumulator, gradient))
    }
    return raw
  }

  #runUpdate(active: string, raws: tf.Tensor1D[], controls: tf.Tensor1D): tf.Tensor1D {
    const groups = parseGroups(active)
    const used = this.#options.parameters.filter(
      ({ name, group }) => groups.includes(group) && this.#connected.has(name),
    )
    const gradients = new Map(used.map(({ name }) => [name, this.#accumulators.get(name) as tf.Tensor]))
    const total = raws.reduce((sum, raw) => tf.add(sum, raw) as tf.Tensor1D)
    const metrics = this.#applyGradients(active, total, gradients, controls)
    for (const { name } of used) {
      const accumulator = this.#accumulators.get(name)!
      accumulator.assign(tf.zerosLike(accumulator))
    }
    return metrics
  }

  /** Loss and metrics of one micro-batch as a vector of unreduced values, and the gradients of its loss. */
  #differentiate(active: string, batch: Batch, key: tf.Tensor1D, controls: tf.Tensor1D) {
    const { parameters, objective } = this.#options
    const groups = parseGroups(active)
    const wanted = parameters.filter(({ group }) => groups.includes(group))
    if (wanted.length === 0) {
      throw new TrainingError('every parameter group is frozen, so there is nothing to train.', {
        field: 'parameterGroups',
        cure: 'Let the scale of one group be above 0.',
      })
    }
    const step = entry(controls, 0)
    let kept: tf.Tensor1D | undefined
    const { grads } = tf.variableGrads(
      () => {
        const { loss, metrics } = objective.loss(batch as B, { rng: new Rng(key), training: true, step })
        const names = this.#checkMetrics(Object.keys(metrics))
        const values = [loss, ...names.map((name) => metrics[name]!)]
        const scalars = values.map((value) => tf.reshape(tf.cast(value, 'float32'), []))
        kept = tf.keep(tf.stack(scalars) as tf.Tensor1D)
        return loss
      },
      wanted.map(({ variable }) => variable),
    )
    const raw = tf.clone(kept!)
    kept!.dispose()
    const gradients = new Map<string, tf.Tensor>()
    for (const { name, variable } of wanted) {
      const gradient = grads[variable.name] as tf.Tensor | undefined
      if (!gradient) continue
      gradients.set(name, gradient)
      this.#connected.add(name)
    }
    return { raw, gradients }
  }

  /** Reduces the metrics, and updates the parameters unless something is not finite. */
  #applyGradients(
    active: string,
    total: tf.Tensor1D,
    gradients: ReadonlyMap<string, tf.Tensor>,
    controls: tf.Tensor1D,
  ): tf.Tensor1D {
    const { accumulate, clipNorm, objective } = this.#options
    const names = this.#objectiveMetrics!
    const sampleIndex = names.indexOf('sampleSize')
    const sampleSize = sampleIndex < 0 ? tf.scalar(accumulate) : entry(total, sampleIndex + 1)
    const divisor = tf.where(tf.greater(sampleSize, 0), sampleSize, tf.onesLike(sampleSize))
    const reductions = names.map((name) => (name === 'sampleSize' ? 'sum' : (objective.reductions?.[name] ?? 'mean')))
    const fixed = { mean: accumulate, sum: 1, perSample: 0 } satisfies Record<MetricReduction, number>
    const divisors = tf.add(
      tf.tensor1d([0, ...reductions.map((reduction) => fixed[reduction])]),
      tf.mul(tf.tensor1d([1, ...reductions.map((reduction) => (reduction === 'perSample' ? 1 : 0))]), divisor),
    )
    const reduced = tf.div(total, divisors)
    const loss = entry(reduced, 0)
    const gradNorm = tf.div(globalNorm([...gradients.values()]), divisor) as tf.Scalar
    const accept = tf.logicalAnd(tf.isFinite(loss), tf.isFinite(gradNorm)) as tf.Scalar
    const clip = clipNorm === undefined ? tf.scalar(1) : clipFactor(gradNorm, clipNorm)
    const groupCount = controls.shape[0] - 1
    this.optimizer.apply({
      gradients,
      learningRates: Array.from({ length: groupCount }, (_, group) => entry(controls, group + 1)),
      activeGroups: parseGroups(active),
      gradientFactor: tf.div(clip, divisor) as tf.Scalar,
      accept,
    })
    const skipped = tf.sub(1, tf.cast(accept, 'float32'))
    const own = tf.stack([loss, gradNorm, skipped]) as tf.Tensor1D
    return names.length === 0 ? own : tf.concat1d([own, tf.slice(reduced, [1], [names.length]) as tf.Tensor1D])
  }

  #checkMetrics(found: string[]): readonly string[] {
    const names = [...found].sort()
    this.#objectiveMetrics ??= names
    if (names.join('\n') !== this.#objectiveMetrics.join('\n')) {
      throw new TrainingError(
        `objective "${this.#options.objective.name}" gave the metrics ${names.join(', ')}, where it gave ` +
          `${this.#objectiveMetrics.join(', ')} before.`,
        { cure: 'Give the same names for each batch.' },
      )
    }
    const reserved = OWN_METRICS.find((name) => names.includes(name))
    if (reserved) {
      throw new TrainingError(
        `the metric name "${reserved}" of objective "${this.#options.objective.name}" belongs to the trainer.`,
        {
          cure: 'Rename the metric.',
        },
      )
    }
    return names
  }
}

const parseGroups = (active: string): number[] => (active === '' ? [] : active.split(',').map(Number))
