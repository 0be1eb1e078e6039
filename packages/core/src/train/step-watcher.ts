import type { PlacedBatch } from '../data/index'
import { TrainingError } from '../errors'
import type { TrainerState } from './checkpoint'
import { type Monitor, NonFiniteMonitor, type StepDetails, type StepMetrics, type TrainingWarning } from './monitor'
import { OffendingBatches } from './offending-batches'
import type { StepControls } from './step-options'
import type { TrainerOptions } from './trainer-options'

/** A step whose metrics have arrived. */
export interface WatchedStep {
  readonly controls: StepControls
  readonly placed: PlacedBatch
  readonly metrics: StepMetrics
  readonly gradientNorms: ReadonlyMap<string, number>
}

/** Counts the steps that were not finite, saves their batches, and asks the monitors what they think of each step. */
export class StepWatcher {
  readonly #options: TrainerOptions
  readonly #monitors: readonly Monitor[]
  readonly #offending: OffendingBatches
  #skipped = 0

  constructor(options: TrainerOptions) {
    this.#options = options
    this.#monitors = [new NonFiniteMonitor({ patience: options.nonFinitePatience ?? 10 }), ...(options.monitors ?? [])]
    this.#offending = new OffendingBatches(options.runDirectory)
  }

  /** Updates refused so far. */
  get skipped(): number {
    return this.#skipped
  }

  /**
   * Looks at a step; `warn` is told of each warning.
   *
   * @throws TrainingError for a fatal one.
   */
  async observe(watched: WatchedStep, warn: (warning: TrainingWarning) => void): Promise<void> {
    const { step } = watched.controls
    const details = watched.metrics.skipped ? await this.#saveBatch(watched) : {}
    for (const monitor of this.#monitors) {
      for (const warning of monitor.observe(step, watched.metrics, details)) {
        warn(warning)
        if (warning.severity !== 'fatal') continue
        const cure = warning.cure === undefined ? {} : { cure: warning.cure }
        throw new TrainingError(`training stopped at step ${step}: ${warning.message}`, cure)
      }
    }
  }

  state(): Pick<TrainerState, 'monitors' | 'skipped' | 'savedBatches'> {
    return {
      monitors: Object.fromEntries(this.#monitors.map((monitor) => [monitor.name, monitor.state?.() ?? null])),
      skipped: this.#skipped,
      savedBatches: this.#offending.saved,
    }
  }

  restore(state: Pick<TrainerState, 'monitors' | 'skipped' | 'savedBatches'>): void {
    this.#skipped = state.skipped
    this.#offending.restore(state.savedBatches)
    for (const monitor of this.#monitors) monitor.restore?.(state.monitors[monitor.name])
  }

  async #saveBatch({ controls, placed, metrics, gradientNorms }: WatchedStep): Promise<StepDetails> {
    this.#skipped++
    const { data, objective } = this.#options
    const nonFiniteGradients = [...gradientNorms].flatMap(([name, norm]) => (Number.isFinite(norm) ? [] : [name]))
    const batchDirectory = await this.#offending.save({
      ...placed,
      step: controls.step,
      data: data.name,
      objective: objective.name,
      key: [...controls.key],
      metrics,
      nonFiniteGradients,
    })
    return { nonFiniteGradients, ...(batchDirectory === undefined ? {} : { batchDirectory }) }
  }
}
