import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { BatchCursor, type HostBatch, toTensors } from '../data/index'
import { ConfigError, TrainingError } from '../errors'
import { rngKeyValues } from '../random/index'
import {
  CHECKPOINT_FORMAT,
  checkpointName,
  cleanCheckpoints,
  findCheckpoints,
  loadCheckpoint,
  saveCheckpoint,
  type TrainerState,
} from './checkpoint'
import { Interruption } from './interruption'
import { MetricWindow } from './metric-window'
import { type Monitor, NonFiniteMonitor, type StepMetrics } from './monitor'
import type { Batch } from './objective'
import { assignGroups } from './parameter-groups'
import { RunLog } from './run-log'
import { SpeedMeter } from './speed-meter'
import { TrainStep } from './step'
import type { TrainerOptions, TrainerResult } from './trainer-options'

/** A step whose metrics are still on their way from the engine. */
interface PendingStep {
  readonly step: number
  readonly epoch: number
  readonly learningRate: number
  readonly audioSeconds: number | undefined
  readonly values: Promise<ArrayLike<number>>
  readonly vector: tf.Tensor
}

/** Lets timers, signals and I/O have their turn, which promises alone do not. */
const yieldToEvents = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * The training loop for any model and objective.
 *
 * Each update is one compiled program (see `TrainStep`); its metrics are read one step late, so that the engine is never waited
 * for. A run is a pure function of its options and seed: killed at any instant and started again with the same options, it
 * goes on from its last complete checkpoint and ends with the same parameters, bit for bit.
 *
 * @example
 * const trainer = new Trainer({ model, objective, data, maxSteps: 1000, optimizer: { learningRate: 5e-4 }, seed: 1 })
 * const { status, history } = await trainer.run()
 */
export class Trainer<B extends Batch = Batch> {
  readonly #options: TrainerOptions<B>
  readonly #program: TrainStep<B>
  readonly #log: RunLog
  readonly #monitors: readonly Monitor[]
  readonly #window = new MetricWindow()
  #cursor: BatchCursor
  #step = 0
  #epoch = 0
  #savedStep = -1
  #evaluatedStep = -1
  #skipped = 0
  /** Seconds of training in earlier sessions. */
  #secondsBefore = 0
  #speed = new SpeedMeter()
  #pending: PendingStep | undefined
  #running = false

  /** @throws ConfigError for options that cannot work. */
  constructor(options: TrainerOptions<B>) {
    const { maxSteps, seed, accumulate = 1, parameterGroups = [], monitors = [] } = options
    checkCount('maxSteps', maxSteps)
    for (const field of [
      'devices',
      'checkpointEvery',
      'keepLast',
      'logEvery',
      'evaluateEvery',
      'nonFinitePatience',
    ] as const) {
      if (options[field] !== undefined) checkCount(field, options[field])
    }
    if (!Number.isSafeInteger(seed))
      throw new ConfigError(`seed is ${seed}; it must be a whole number.`, { field: 'seed' })
    this.#options = options
    this.#monitors = [new NonFiniteMonitor({ patience: options.nonFinitePatience ?? 10 }), ...monitors]
    this.#cursor = new BatchCursor(options.data)
    this.#log = new RunLog(options.runDirectory)
    this.#program = new TrainStep({
      parameters: assignGroups(options.model, parameterGroups),
      objective: options.objective,
      optimizer: options.optimizer,
      accumulate,
      ...(options.devices === undefined ? {} : { devices: options.devices }),
      ...(options.precision === undefined ? {} : { precision: options.precision }),
      ...(options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm }),
    })
  }

  /** Updates done, those before a resume included. */
  get step(): number {
    return this.#step
  }

  /** Programs that the step has been traced into; it stays where it is while batch shapes repeat (0 on eager engines). */
  get traceCount(): number {
    return this.#program.traceCount
  }

  /**
   * Trains up to `maxSteps`, or until it is interrupted, after resuming where `runDirectory` holds a checkpoint.
   *
   * @throws TrainingError when training cannot go on, CheckpointError when the checkpoint does not fit the options.
   */
  async run(): Promise<TrainerResult> {
    if (this.#running) throw new TrainingError('this trainer is running already.')
    this.#running = true
    const { signal, handleSignals = false, maxSteps } = this.#options
    const interruption = new Interruption(signal, handleSignals, (name) =>
      this.#note(`${name}: finishing step ${this.#step + 1} and saving (once more to stop at once).`),
    )
    try {
      await this.#prepare()
      this.#speed.start()
      while (this.#step < maxSteps && !interruption.requested) await this.#advance()
      await this.#settle()
      const status = this.#step >= maxSteps ? 'completed' : 'interrupted'
      if (status === 'completed') {
        if (this.#window.steps > 0) this.#record('train', { ...this.#window.drain(), ...this.#speedMetrics() })
        await this.#evaluate()
      }
      await this.#save()
      await this.#log.describe({ status, step: this.#step, finishedAt: new Date().toISOString() })
      if (status === 'interrupted') this.#note(this.#howToResume())
      return { status, step: this.#step, history: this.#history(), skippedSteps: this.#skipped }
    } catch (error) {
      // The error itself matters more than a note of it that cannot be written.
      await this.#log.describe({ status: 'failed', step: this.#step, error: String(error) }).catch(() => {})
      throw error
    } finally {
      interruption.dispose()
      this.#pending?.vector.dispose()
      this.#pending = undefined
      this.#options.onProgress?.finish?.()
      this.#running = false
    }
  }

  /** Frees the optimiser's state and the compiled programs. The model stays. */
  dispose(): void {
    this.#program.dispose()
  }

  /** One update, and whatever is due after it. */
  async #advance(): Promise<void> {
    const { data, accumulate = 1, optimizer, schedule, parameterGroups = [], seed, ...options } = this.#options
    const step = this.#step + 1
    const batches: HostBatch[] = []
    for (let micro = 0; micro < accumulate; micro++) {
      const { batch, epoch } = await this.#cursor.take()
      batches.push(batch)
      this.#epoch = epoch
    }
    const learningRate = optimizer.learningRate * (schedule?.(step) ?? 1)
    const scales = [1, ...parameterGroups.map(({ scale }) => scale(step))]
    const tensors = batches.map(toTensors)
    const vector = this.#program.run(tensors as B[], {
      step,
      learningRates: scales.map((scale) => learningRate * scale),
      activeGroups: scales.flatMap((scale, group) => (scale === 0 ? [] : [group])),
      keys: batches.map((_, micro) => rngKeyValues(seed, 'training step', step, micro)),
    })
    tf.dispose(tensors)
    this.#step = step
    const values = vector.data()
    values.catch(() => {})
    const audio = data.audioSeconds
    const audioSeconds = audio && batches.reduce((total, batch) => total + audio.call(data, batch), 0)
    if (step < options.maxSteps) this.#cursor.prefetch()
    await this.#settle()
    this.#pending = { step, epoch: this.#epoch, learningRate, audioSeconds, values, vector }

    const { evaluateEvery, checkpointEvery = 1000 } = options
    // The last step's evaluation and checkpoint are made by run(), after its last record.
    if (evaluateEvery && step % evaluateEvery === 0 && step < options.maxSteps) await this.#evaluate()
    if (step % checkpointEvery === 0 && step < options.maxSteps) await this.#save()
    await yieldToEvents()
  }

  /** Waits for the metrics under way and passes them on. */
  async #settle(): Promise<void> {
    const pending = this.#pending
    if (!pending) return
    this.#pending = undefined
    const values = await pending.values
    pending.vector.dispose()
    const { step, epoch, learningRate, audioSeconds } = pending
    const metrics: Record<string, number> = { learningRate }
    this.#program.metricNames.forEach((name, index) => {
      metrics[name] = values[index]!
    })
    this.#skipped += metrics.skipped ?? 0
    this.#speed.add(audioSeconds)
    this.#window.add(metrics)
    const { logEvery = 10, maxSteps, onProgress } = this.#options
    if (step % logEvery === 0)
      this.#record('train', { ...this.#window.drain(), learningRate, ...this.#speedMetrics() }, step, epoch)
    this.#watch(step, metrics)
    onProgress?.({
      step,
      maxSteps,
      epoch,
      metrics,
      ...this.#speed.speed(),
      etaSeconds: (maxSteps - step) / this.#speed.speed().stepsPerSecond,
      dataWaitShare: this.#dataWaitShare(),
    })
  }

  #watch(step: number, metrics: StepMetrics): void {
    for (const monitor of this.#monitors) {
      for (const warning of monitor.observe(step, metrics)) {
        this.#log.append({ kind: 'warning', ...warning })
        if (warning.severity === 'fatal') {
          const options = warning.cure === undefined ? {} : { cure: warning.cure }
          throw new TrainingError(`training stopped at step ${step}: ${warning.message}`, options)
        }
        this.#note(`Step ${step}, ${warning.monitor}: ${warning.message}${warning.cure ? ` ${warning.cure}` : ''}`)
      }
    }
  }

  async #evaluate(): Promise<void> {
    const { evaluate } = this.#options
    if (!evaluate || this.#evaluatedStep === this.#step) return
    await this.#settle()
    this.#evaluatedStep = this.#step
    this.#speed.pause()
    this.#record('evaluation', await evaluate(this.#step))
    this.#speed.start()
  }

  /** Resumes from the last complete checkpoint, or starts a new run. */
  async #prepare(): Promise<void> {
    const { runDirectory, resume = true, seed, maxSteps, objective, data, runInfo = {}, modelConfig } = this.#options
    if (runDirectory !== undefined && this.#step === 0) {
      await cleanCheckpoints(runDirectory)
      const last = (await findCheckpoints(runDirectory)).at(-1)
      if (last !== undefined && !resume) {
        throw new TrainingError('the directory holds the checkpoints of an earlier run.', {
          file: runDirectory,
          field: 'resume',
          cure: 'Take another directory, or leave "resume" on to continue that run.',
        })
      }
      if (last !== undefined) await this.#restore(join(runDirectory, checkpointName(last)))
      else await this.#log.resumeAt(0)
    }
    await this.#log.describe({
      ...runInfo,
      objective: objective.name,
      data: data.name,
      backend: tf.getBackend(),
      seed,
      maxSteps,
      optimizer: this.#describeOptimizer(),
      ...(modelConfig === undefined ? {} : { modelConfig }),
      parameters: [...this.#options.model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0),
      status: 'running',
      sessions: [
        ...((this.#log.info.sessions as unknown[]) ?? []),
        { startedAt: new Date().toISOString(), fromStep: this.#step },
      ],
    })
  }

  async #restore(directory: string): Promise<void> {
    const { model, data, seed, objective, modelConfig } = this.#options
    const state = await loadCheckpoint(directory, {
      model,
      optimizerState: this.#program.optimizer.state(),
      expected: { seed, objective: objective.name, data: data.name, modelConfig },
    })
    this.#step = state.step
    this.#savedStep = state.step
    this.#evaluatedStep = state.evaluatedStep
    this.#epoch = state.epoch
    this.#cursor = new BatchCursor(data, { epoch: state.nextBatch.epoch, index: state.nextBatch.index })
    this.#secondsBefore = state.seconds
    this.#window.restore(state.window)
    for (const monitor of this.#monitors) monitor.restore?.(state.monitors[monitor.name])
    await this.#log.resumeAt(state.step, state.logRecords)
    this.#note(`Resuming from ${directory} (step ${state.step}, epoch ${state.epoch}).`)
  }

  async #save(): Promise<void> {
    const { runDirectory, keepLast = 3, model, modelConfig, seed, objective, data } = this.#options
    if (runDirectory === undefined || this.#savedStep === this.#step) return
    await this.#settle()
    this.#speed.pause()
    this.#log.flush()
    const state: TrainerState = {
      format: CHECKPOINT_FORMAT,
      step: this.#step,
      epoch: this.#epoch,
      nextBatch: this.#cursor.position,
      seed,
      objective: objective.name,
      data: data.name,
      optimizer: this.#describeOptimizer(),
      evaluatedStep: this.#evaluatedStep,
      logRecords: this.#log.records.length,
      seconds: this.#seconds(),
      window: this.#window.state(),
      monitors: Object.fromEntries(this.#monitors.map((monitor) => [monitor.name, monitor.state?.() ?? null])),
    }
    await saveCheckpoint(runDirectory, {
      state,
      modelState: model.stateDict(),
      optimizerState: this.#program.optimizer.state(),
      modelConfig,
      keepLast,
    })
    this.#savedStep = this.#step
    this.#speed.start()
  }

  #record(kind: 'train' | 'evaluation', metrics: Record<string, number>, step = this.#step, epoch = this.#epoch): void {
    this.#log.append({ kind, step, epoch, seconds: this.#seconds(), metrics })
  }

  #speedMetrics(): Record<string, number> {
    return { ...this.#speed.speed(), dataWaitShare: this.#dataWaitShare() }
  }

  #seconds(): number {
    return this.#secondsBefore + this.#speed.seconds
  }

  #dataWaitShare(): number {
    return this.#speed.seconds === 0 ? 0 : Math.min(1, this.#cursor.waitSeconds / this.#speed.seconds)
  }

  #history() {
    return this.#log.records.filter((record) => record.kind !== 'warning')
  }

  #describeOptimizer() {
    const { optimizer, schedule, clipNorm, accumulate = 1 } = this.#options
    const { decayFilter: _, ...numbers } = optimizer
    return {
      name: 'AdamW',
      ...numbers,
      schedule: schedule ? (schedule.description ?? 'custom') : 'constant',
      clipNorm,
      accumulate,
    }
  }

  #howToResume(): string {
    const { runDirectory, maxSteps } = this.#options
    const at = `Interrupted after step ${this.#step} of ${maxSteps}.`
    return runDirectory === undefined
      ? `${at} Nothing was saved, since the run has no directory.`
      : `${at} Saved in ${join(runDirectory, checkpointName(this.#step))}. Run the same command again to resume.`
  }

  #note(text: string): void {
    const { onProgress } = this.#options
    if (onProgress?.note) onProgress.note(text)
    else console.error(text)
  }
}

const checkCount = (field: string, value: number): void => {
  if (!Number.isInteger(value) || value < 1) {
    throw new ConfigError(`${field} is ${value}; it must be a whole number of at least 1.`, { field })
  }
}
