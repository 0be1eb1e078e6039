import type { StepMetrics } from './monitor'

/** What a window holds, as JSON for checkpoints. */
export interface MetricWindowState {
  readonly steps: number
  readonly sums: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<string, number>>
}

/** Metrics that are counted over a window; all others are averaged. */
const COUNTED = new Set(['skipped'])

/**
 * Averages metrics over the steps between two log records. Values that are not finite are left out of an average; where
 * there is no other, it is NaN.
 */
export class MetricWindow {
  #steps = 0
  #sums = new Map<string, number>()
  #counts = new Map<string, number>()

  get steps(): number {
    return this.#steps
  }

  add(metrics: StepMetrics): void {
    this.#steps++
    for (const [name, value] of Object.entries(metrics)) {
      const finite = Number.isFinite(value)
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + (finite ? value : 0))
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + (finite ? 1 : 0))
    }
  }

  /** The averages; empties the window. */
  drain(): Record<string, number> {
    const averages = Object.fromEntries(
      [...this.#sums].map(([name, sum]) => [name, COUNTED.has(name) ? sum : sum / this.#counts.get(name)!]),
    )
    this.restore({ steps: 0, sums: {}, counts: {} })
    return averages
  }

  state(): MetricWindowState {
    return { steps: this.#steps, sums: Object.fromEntries(this.#sums), counts: Object.fromEntries(this.#counts) }
  }

  restore(state: MetricWindowState): void {
    this.#steps = state.steps
    this.#sums = new Map(Object.entries(state.sums))
    this.#counts = new Map(Object.entries(state.counts))
  }
}
