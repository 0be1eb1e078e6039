import type { ProgramProfile } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { type CompiledFunction, compile } from '../engine/index'
import { ConfigError, TrainingError } from '../errors'
import { Rng } from '../random/index'
import { BufferGuard } from './buffers'
import { clipFactor, normOf, squaredNorms } from './clip'
import { makeOptimizer } from './make-optimizer'
import type { Batch } from './objective'
import type { Optimizer } from './optimizer'
import { entry, OWN_METRICS, StepMetricNames } from './step-metrics'
import type { StepControls, StepReading, TrainStepOptions } from './step-options'

interface Differentiated {
  readonly raw: tf.Tensor1D
  readonly gradients: ReadonlyMap<string, tf.Tensor>
  readonly guard: BufferGuard
}

type StepProgram = CompiledFunction<[string, Batch, tf.Tensor1D, tf.Tensor1D], tf.Tensor1D>

/**
 * One training step as one compiled program: forward, backward, clipping, the optimiser and the weights' average. With `accumulate`
 * above 1 it is two: one adds a micro-batch's gradients to accumulators, the other updates from their total.
 *
 * All that varies comes in as tensors, so a program is traced once per batch shape and set of unfrozen groups. The update is
 * refused on the engine itself when loss or gradient norm is not finite.
 */
export class TrainStep<B extends Batch = Batch> {
  readonly optimizer: Optimizer
  readonly #options: TrainStepOptions<B>
  readonly #buffers: readonly tf.Variable[]
  readonly #accumulators: Map<string, tf.Variable>
  /** Parameters that a gradient has been seen for; the others are unconnected to the loss and stay as they are. */
  readonly #connected = new Set<string>()
  /** Parameters with a gradient, by the groups that were active, in the order of the vector's norms. */
  readonly #differentiated = new Map<string, readonly string[]>()
  readonly #names: StepMetricNames<B>
  readonly #fused: StepProgram
  readonly #gather: StepProgram
  readonly #update: CompiledFunction<[string, number, tf.Tensor1D[], tf.Tensor1D, tf.Tensor[]], tf.Tensor1D>

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
    this.#buffers = [...(options.buffers ?? [])]
    this.#names = new StepMetricNames(objective)
    this.optimizer = makeOptimizer(parameters, optimizer)
    this.#accumulators = new Map(
      accumulate === 1
        ? []
        : parameters.map(({ name, variable }) => [name, tf.tidy(() => tf.variable(tf.zeros(variable.shape), false))]),
    )
    const program = (what: string, run: (...args: Parameters<StepProgram>) => tf.Tensor1D): StepProgram =>
      compile(run, { name: `${objective.name} ${what}`, devices, precision, sharded: [1] })
    this.#fused = program('step', (active, batch, key, controls) => {
      const { raw, gradients, guard } = this.#differentiate(active, batch, key, controls)
      return this.#applyGradients(active, raw, gradients, controls, guard)
    })
    this.#gather = program('gradients', (active, batch, key, controls) =>
      this.#runGather(this.#differentiate(active, batch, key, controls)),
    )
    // The count of connected parameters is a static argument: should it grow, the update is traced anew.
    this.#update = compile(
      (groups, _connected, raws, controls, before) => this.#runUpdate(groups, raws, controls, before),
      { name: `${objective.name} update`, devices },
    )
  }

  /** Names of the first values that `run` returns, in order; known after the first run. */
  get metricNames(): readonly string[] {
    return [...OWN_METRICS, ...this.#names.names]
  }

  /** Programs traced so far. It stays where it is while batch shapes repeat; always 0 on engines that do not compile. */
  get traceCount(): number {
    return this.#fused.traceCount + this.#gather.traceCount + this.#update.traceCount
  }

  /**
   * Runs one step on `accumulate` micro-batches and returns its metrics, and the norm of each gradient, as a vector, without waiting
   * for the engine; see `read`.
   */
  run(batches: readonly Batch[], controls: StepControls): tf.Tensor1D {
    const { accumulate } = this.#options
    if (batches.length !== accumulate) {
      throw new TrainingError(`the step was given ${batches.length} micro-batches, but it adds up ${accumulate}.`)
    }
    const active = controls.activeGroups.join(',')
    const numbers = tf.tensor1d([controls.step, ...controls.learningRates], 'float32')
    const keys = batches.map((_, part) =>
      tf.tensor1d(accumulate === 1 ? controls.key : [...controls.key, part], 'int32'),
    )
    try {
      if (accumulate === 1) return this.#fused(active, batches[0]!, keys[0]!, numbers)
      const before = this.#buffers.map((buffer) => tf.clone(buffer))
      const raws: tf.Tensor1D[] = []
      try {
        for (const [index, batch] of batches.entries()) raws.push(this.#gather(active, batch, keys[index]!, numbers))
        return this.#update(active, this.#connected.size, raws, numbers, before)
      } finally {
        tf.dispose([raws, before])
      }
    } finally {
      tf.dispose([numbers, keys])
    }
  }

  /** Names the values of a vector that `run` gave. */
  read(values: ArrayLike<number>, activeGroups: readonly number[]): StepReading {
    const names = this.metricNames
    const parameters = this.#differentiated.get(activeGroups.join(',')) ?? []
    return {
      metrics: Object.fromEntries(names.map((name, index) => [name, values[index]!])),
      gradientNorms: new Map(parameters.map((name, index) => [name, values[names.length + index]!])),
    }
  }

  /** Times the parts of the program that computes one micro-batch's gradients (and, without accumulation, updates) one by one; `xla` only. */
  profile(batch: Batch, controls: StepControls): ProgramProfile {
    const { accumulate } = this.#options
    const program = accumulate === 1 ? this.#fused : this.#gather
    const numbers = tf.tensor1d([controls.step, ...controls.learningRates], 'float32')
    const key = tf.tensor1d(accumulate === 1 ? controls.key : [...controls.key, 0], 'int32')
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

  #runGather({ raw, gradients }: Differentiated): tf.Tensor1D {
    for (const [name, gradient] of gradients) {
      const accumulator = this.#accumulators.get(name)!
      accumulator.assign(tf.add(accumulator, gradient))
    }
    return raw
  }

  #runUpdate(active: string, raws: tf.Tensor1D[], controls: tf.Tensor1D, before: tf.Tensor[]): tf.Tensor1D {
    const groups = parseGroups(active)
    const used = this.#options.parameters.filter(
      ({ name, group }) => groups.includes(group) && this.#connected.has(name),
    )
    const gradients = new Map(used.map(({ name }) => [name, this.#accumulators.get(name) as tf.Tensor]))
    const total = raws.reduce((sum, raw) => tf.add(sum, raw) as tf.Tensor1D)
    const metrics = this.#applyGradients(active, total, gradients, controls, new BufferGuard(this.#buffers, before))
    for (const { name } of used) {
      const accumulator = this.#accumulators.get(name)!
      accumulator.assign(tf.zerosLike(accumulator))
    }
    return metrics
  }

  /** Loss and metrics of one micro-batch as a vector of unreduced values, and the gradients of its loss. */
  #differentiate(active: string, batch: Batch, key: tf.Tensor1D, controls: tf.Tensor1D): Differentiated {
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
    const guard = new BufferGuard(this.#buffers)
    let kept: tf.Tensor1D | undefined
    const { grads } = tf.variableGrads(
      () => {
        const { loss, metrics } = objective.loss(batch as B, { rng: new Rng(key), training: true, step })
        const names = this.#names.check(Object.keys(metrics))
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
    return { raw, gradients, guard }
  }

  /** Reduces the metrics, and updates the parameters unless something is not finite. */
  #applyGradients(
    active: string,
    total: tf.Tensor1D,
    gradients: ReadonlyMap<string, tf.Tensor>,
    controls: tf.Tensor1D,
    guard: BufferGuard,
  ): tf.Tensor1D {
    const { accumulate, clipNorm, objective, weightAverage } = this.#options
    const sampleSize = this.#names.sampleSize(total, accumulate)
    const reduced = this.#names.reduce(total, accumulate, sampleSize)
    const loss = entry(reduced, 0)
    const squares = squaredNorms([...gradients.values()])
    const gradNorm = tf.div(normOf(squares), sampleSize) as tf.Scalar
    const accept = tf.logicalAnd(tf.isFinite(loss), tf.isFinite(gradNorm)) as tf.Scalar
    const clip = clipNorm === undefined ? tf.scalar(1) : clipFactor(gradNorm, clipNorm)
    const groupCount = controls.shape[0] - 1
    this.optimizer.apply({
      gradients,
      learningRates: Array.from({ length: groupCount }, (_, group) => entry(controls, group + 1)),
      activeGroups: parseGroups(active),
      gradientFactor: tf.div(clip, sampleSize) as tf.Scalar,
      accept,
    })
    objective.afterUpdate?.({ step: entry(controls, 0) })
    guard.settle(accept)
    weightAverage?.update(accept)
    this.#differentiated.set(active, [...gradients.keys()])
    const own = tf.stack([loss, gradNorm, tf.sub(1, tf.cast(accept, 'float32'))]) as tf.Tensor1D
    const metrics = tf.slice1d(reduced, 1, this.#names.names.length)
    const norms = tf.div(tf.sqrt(squares), sampleSize) as tf.Tensor1D
    return tf.concat1d([own, metrics, norms].filter(({ size }) => size > 0))
  }
}

const parseGroups = (active: string): number[] => (active === '' ? [] : active.split(',').map(Number))
