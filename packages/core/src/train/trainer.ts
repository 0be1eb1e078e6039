import { join } from 'node:path'
import { BatchCursor, type BatchPosition } from '../data/index'
import { TrainingError } from '../errors'
import { checkOptions, describeOptions } from './check-options'
import { CHECKPOINT_FORMAT, checkpointName, type TrainerState } from './checkpoint'
import { Checkpointer } from './checkpointer'
import { DataWaitMeter } from './data-wait'
import { Interruption } from './interruption'
import { type LaunchedStep, launchStep } from './launch'
import type { Batch } from './objective'
import { assignGroups } from './parameter-groups'
import { Recorder } from './recorder'
import { TrainStep } from './step'
import { StepWatcher } from './step-watcher'
import type { TrainerOptions, TrainerResult } from './trainer-options'
import { WeightAverage } from './weight-average'

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
  readonly #average: WeightAverage | undefined
  readonly #recorder: Recorder
  readonly #checkpoints: Checkpointer
  readonly #watcher: StepWatcher
  readonly #dataWait = new DataWaitMeter()
  #cursor: BatchCursor
  /** The next batch, between sessions. */
  #position: BatchPosition = { epoch: 0, index: 0 }
  #step = 0
  #epoch = 0
  #evaluatedStep = -1
  #pending: LaunchedStep | undefined
  #running = false

  /** @throws ConfigError for options that cannot work. */
  constructor(options: TrainerOptions<B>) {
    const plain = options as unknown as TrainerOptions
    checkOptions(plain)
    const { model, objective, optimizer, parameterGroups = [], accumulate = 1 } = options
    this.#options = options
    const parameters = assignGroups(model, parameterGroups)
    this.#average = options.weightAverage && new WeightAverage(parameters, options.weightAverage)
    this.#program = new TrainStep({
      parameters,
      objective,
      optimizer,
      accumulate,
      buffers: model.namedBuffers?.().values() ?? [],
      ...(options.devices === undefined ? {} : { devices: options.devices }),
      ...(options.precision === undefined ? {} : { precision: options.precision }),
      ...(options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm }),
      ...(this.#average ? { weightAverage: this.#average } : {}),
    })
    const state = this.#program.optimizer.state()
    if (this.#average) state.set('average.updates', this.#average.updates)
    this.#checkpoints = new Checkpointer(plain, {
      'optimizer.safetensors': state,
      ...(this.#average ? { 'average.safetensors': this.#average.weights() } : {}),
    })
    this.#watcher = new StepWatcher(plain)
    this.#cursor = new BatchCursor(options.data)
    this.#recorder = new Recorder(plain, () => this.#dataWait.seconds)
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
    let opened = false
    try {
      await this.#prepare()
      opened = true
      this.#recorder.start()
      while (this.#step < maxSteps && !interruption.requested) await this.#advance()
      await this.#settle()
      const status = this.#step >= maxSteps ? 'completed' : 'interrupted'
      if (status === 'completed') {
        this.#recorder.finish(this.#step, this.#epoch)
        await this.#evaluate()
      }
      await this.#save()
      await this.#recorder.end({ status, step: this.#step }, this.#checkpoints.best)
      if (status === 'interrupted') this.#note(this.#howToResume())
      return { status, step: this.#step, history: this.#recorder.history, skippedSteps: this.#watcher.skipped }
    } catch (error) {
      // The error itself matters more than a note of it that cannot be written. Another's folder is left alone.
      if (opened) {
        const failure = { status: 'failed', step: this.#step, error: String(error) }
        await this.#recorder.end(failure, this.#checkpoints.best).catch(() => {})
      }
      throw error
    } finally {
      interruption.dispose()
      this.#pending?.dispose()
      this.#pending = undefined
      this.#recorder.close()
      await this.#checkpoints.close()
      this.#position = this.#cursor.position
      await this.#cursor.close()
      this.#options.onProgress?.finish?.()
      this.#running = false
    }
  }

  /**
   * Calls `work` while the model's parameters hold their moving average (see the option `weightAverage`), for evaluation or export.
   *
   * @throws TrainingError when the run keeps no average.
   */
  async withAveragedWeights<T>(work: () => Promise<T> | T): Promise<T> {
    if (!this.#average) {
      throw new TrainingError('this run keeps no average of the weights.', { cure: 'Give the option "weightAverage".' })
    }
    return this.#average.using(work)
  }

  /** The options without the batch's type, which only the objective knows of. */
  get #plain(): TrainerOptions {
    return this.#options as unknown as TrainerOptions
  }

  /** Frees the optimiser's state, the averaged weights and the compiled programs. The model stays. */
  dispose(): void {
    this.#program.dispose()
    this.#average?.dispose()
  }

  /** One update, and whatever is due after it. */
  async #advance(): Promise<void> {
    const { maxSteps, evaluateEvery, checkpointEvery = 1000 } = this.#options
    const step = this.#step + 1
    const placed = await this.#dataWait.taking(() => this.#cursor.take())
    const launched = launchStep(this.#program as unknown as TrainStep, this.#plain, step, placed)
    this.#step = step
    this.#epoch = placed.epoch
    this.#dataWait.launched(launched.done)
    if (step < maxSteps) this.#dataWait.making(() => this.#cursor.prefetch())
    await this.#settle()
    this.#pending = launched

    // The last step's evaluation and checkpoint are made by run(), after its last record.
    if (step < maxSteps) {
      const keep = evaluateEvery && step % evaluateEvery === 0 ? await this.#evaluate() : false
      if (keep || step % checkpointEvery === 0) await this.#save()
    }
    await yieldToEvents()
  }

  /** Waits for the metrics under way and passes them on. */
  async #settle(): Promise<void> {
    const pending = this.#pending
    if (!pending) return
    this.#pending = undefined
    const finished = await pending.finish()
    const { controls, placed, metrics } = finished
    const audioSeconds = this.#options.data.audioSeconds?.(placed.batch)
    this.#recorder.step({ step: controls.step, epoch: placed.epoch, metrics, audioSeconds })
    await this.#watcher.observe(finished, (warning) => {
      this.#recorder.warning(warning)
      const { step, monitor, message, cure = '' } = warning
      if (warning.severity !== 'fatal') this.#note(`Step ${step}, ${monitor}: ${message} ${cure}`.trimEnd())
    })
  }

  /** @returns whether a checkpoint of this step is to be kept. */
  async #evaluate(): Promise<boolean> {
    const { evaluate, samples, weightAverage } = this.#options
    if (!evaluate || this.#evaluatedStep === this.#step) return false
    await this.#settle()
    const step = this.#step
    this.#evaluatedStep = step
    this.#recorder.pause()
    const work = async () => {
      const metrics = await evaluate(step)
      this.#recorder.evaluation(step, this.#epoch, metrics, (await samples?.(step)) ?? [])
      return this.#checkpoints.consider(step, metrics)
    }
    const keep = await (this.#average && weightAverage?.evaluate !== false ? this.#average.using(work) : work())
    await this.#recorder.report(this.#checkpoints.best)
    this.#recorder.start()
    return keep
  }

  /** Resumes from the last complete checkpoint, or starts a new run. */
  async #prepare(): Promise<void> {
    const directory = await this.#checkpoints.open()
    let state: TrainerState | undefined
    let position = this.#position
    if (directory !== undefined) {
      state = await this.#checkpoints.restore(directory)
      this.#step = state.step
      this.#evaluatedStep = state.evaluatedStep
      this.#epoch = state.epoch
      position = state.nextBatch
      this.#watcher.restore(state)
    } else if (this.#step === 0) this.#average?.reset()
    // A session before this one has closed its cursor.
    this.#cursor = new BatchCursor(this.#options.data, position)
    await this.#recorder.open(state)
    if (directory !== undefined) this.#note(`Resuming from ${directory} (step ${this.#step}, epoch ${this.#epoch}).`)
  }

  async #save(): Promise<void> {
    if (this.#checkpoints.isSaved(this.#step)) return
    await this.#settle()
    this.#recorder.pause()
    this.#recorder.flush()
    const { seed, objective, data } = this.#options
    await this.#checkpoints.save({
      format: CHECKPOINT_FORMAT,
      step: this.#step,
      epoch: this.#epoch,
      nextBatch: this.#cursor.position,
      seed,
      objective: objective.name,
      data: data.name,
      options: describeOptions(this.#plain),
      evaluatedStep: this.#evaluatedStep,
      ...this.#recorder.state(),
      ...this.#watcher.state(),
      retention: this.#checkpoints.retentionState,
    })
    this.#recorder.start()
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
