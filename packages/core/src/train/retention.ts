import { ConfigError } from '../errors'

export interface KeepBestOptions {
  /** A metric of the evaluation, such as `wordErrorRate`. */
  readonly metric: string
  /** Whether it is best when lowest (the default) or highest. */
  readonly mode?: 'min' | 'max'
  /** How many of the best checkpoints are kept. Default 1. */
  readonly count?: number
  /**
   * Saves the best model into a folder, for use: `(directory) => model.savePretrained(directory)`. It is called while the model holds
   * the weights that were evaluated. Default: `model.safetensors` and `config.json`.
   */
  readonly save?: (directory: string) => Promise<unknown>
}

/** A checkpoint that was evaluated. */
export interface RankedCheckpoint {
  readonly step: number
  readonly value: number
}

export interface RetentionState {
  readonly metric: string
  readonly mode: 'min' | 'max'
  readonly best: readonly RankedCheckpoint[]
}

/** Decides which checkpoints stay: the newest and, by a metric of the evaluation, the best. */
export class Retention {
  readonly #keepLast: number
  readonly #keepBest: KeepBestOptions | undefined
  #best: readonly RankedCheckpoint[] = []

  constructor(keepLast: number, keepBest?: KeepBestOptions) {
    const { count = 1, mode = 'min' } = keepBest ?? {}
    if (!Number.isInteger(count) || count < 1) {
      throw new ConfigError(`keepBest.count is ${count}; it must be a whole number of at least 1.`, {
        field: 'keepBest.count',
      })
    }
    if (mode !== 'min' && mode !== 'max') {
      throw new ConfigError(`keepBest.mode is ${String(mode)}; it must be min or max.`, { field: 'keepBest.mode' })
    }
    this.#keepLast = keepLast
    this.#keepBest = keepBest
  }

  /** The best so far, best first; of equal ones the earlier comes first. */
  get best(): readonly RankedCheckpoint[] {
    return this.#best
  }

  /**
   * Ranks an evaluation, and says whether its checkpoint is to be kept.
   *
   * @throws ConfigError when the evaluation lacks the metric.
   */
  consider(step: number, metrics: Readonly<Record<string, number>>): boolean {
    if (!this.#keepBest) return false
    const { metric, mode = 'min', count = 1 } = this.#keepBest
    const value = metrics[metric]
    if (value === undefined) {
      throw new ConfigError(
        `the evaluation gave no "${metric}", but ${Object.keys(metrics).join(', ') || 'nothing'}.`,
        {
          field: 'keepBest.metric',
          cure: 'Name one of its metrics.',
        },
      )
    }
    if (!Number.isFinite(value)) return false
    const sign = mode === 'min' ? 1 : -1
    const others = this.#best.filter((entry) => entry.step !== step)
    this.#best = [...others, { step, value }]
      .sort((a, b) => sign * (a.value - b.value) || a.step - b.step)
      .slice(0, count)
    return this.#best.some((entry) => entry.step === step)
  }

  /** Of the steps that have a checkpoint, those that are no longer wanted. */
  doomed(steps: readonly number[]): number[] {
    const newest = [...steps].sort((a, b) => a - b).slice(-this.#keepLast)
    const best = this.#best.map(({ step }) => step)
    return steps.filter((step) => !newest.includes(step) && !best.includes(step))
  }

  /** For checkpoints, and for the pointer to the best. */
  state(): RetentionState {
    const { metric = '', mode = 'min' } = this.#keepBest ?? {}
    return { metric, mode, best: this.#best }
  }

  /** Takes back a state; one of another metric or mode ranks nothing. */
  restore(state: RetentionState): void {
    const { metric, mode } = this.state()
    const same = this.#keepBest !== undefined && state.metric === metric && state.mode === mode
    this.#best = same ? state.best.slice(0, this.#keepBest?.count ?? 1) : []
  }
}
