/** A step's numbers as the log holds them: `loss`, `gradNorm`, `learningRate`, `skipped` (0 or 1) and the objective's metrics. */
export type StepMetrics = Readonly<Record<string, number>>

/** Something that a monitor has seen go wrong. */
export interface TrainingWarning {
  /** Name of the monitor that speaks. */
  readonly monitor: string
  readonly step: number
  /** What was seen, with the numbers. */
  readonly message: string
  /** What to try, in one sentence. */
  readonly cure?: string
  /** `fatal` stops the run with a TrainingError; `warning` (the default) is shown and logged. */
  readonly severity?: 'warning' | 'fatal'
}

/** What is known about a step beside its metrics. */
export interface StepDetails {
  /** Parameters whose gradient was not finite. */
  readonly nonFiniteGradients?: readonly string[]
  /** Folder in which the batch of a step that was not finite is saved. */
  readonly batchDirectory?: string
}

/**
 * Watches a run from its metrics, which arrive for each step, in order and once. A monitor that must go on exactly where it was
 * after a resume gives its memory as JSON by `state` and takes it back by `restore`.
 */
export interface Monitor {
  readonly name: string
  observe(step: number, metrics: StepMetrics, details?: StepDetails): TrainingWarning[]
  /** What to put into a checkpoint: any JSON value. */
  state?(): unknown
  /** Takes back what `state` gave. */
  restore?(state: unknown): void
}

const tryThis =
  'Try a lower learning rate, a longer warm-up or a smaller clipNorm, and look for empty, clipped or non-finite recordings in the data.'

export interface NonFiniteMonitorOptions {
  /** How many steps in a row may be skipped before training stops. Default 10. */
  readonly patience?: number
}

/** The loss and gradient norm, and which metrics and gradients are not finite. */
const describeStep = (metrics: StepMetrics, { nonFiniteGradients = [] }: StepDetails): string => {
  const others = Object.keys(metrics).filter(
    (name) => !Number.isFinite(metrics[name]) && !/^(loss|gradNorm)$/.test(name),
  )
  const list = (names: readonly string[]) =>
    names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
  return [
    `loss ${metrics.loss}, gradient norm ${metrics.gradNorm}`,
    ...(others.length > 0 ? [`metrics not finite: ${list(others)}`] : []),
    ...(nonFiniteGradients.length > 0 ? [`gradients not finite: ${list(nonFiniteGradients)}`] : []),
  ].join('; ')
}

/**
 * Reports steps whose loss or gradient is not finite. The trainer has skipped their updates already, so the parameters are still
 * sound; `patience` of them in a row are fatal.
 */
export class NonFiniteMonitor implements Monitor {
  readonly name = 'non-finite'
  readonly #patience: number
  #consecutive = 0

  constructor(options: NonFiniteMonitorOptions = {}) {
    this.#patience = options.patience ?? 10
  }

  observe(step: number, metrics: StepMetrics, details: StepDetails = {}): TrainingWarning[] {
    const finite = Number.isFinite(metrics.loss ?? 0) && Number.isFinite(metrics.gradNorm ?? 0)
    if (finite && !metrics.skipped) {
      this.#consecutive = 0
      return []
    }
    this.#consecutive++
    const seen = describeStep(metrics, details)
    const saved = details.batchDirectory === undefined ? '' : ` Its batch is saved in ${details.batchDirectory}.`
    if (this.#consecutive >= this.#patience) {
      const message = `${this.#consecutive} steps in a row were not finite (the last: ${seen}).${saved}`
      return [{ monitor: this.name, step, message, cure: tryThis, severity: 'fatal' }]
    }
    if (this.#consecutive > 1) return []
    return [
      {
        monitor: this.name,
        step,
        message: `the step was not finite (${seen}) and its update was skipped.${saved}`,
        cure: tryThis,
      },
    ]
  }

  state(): unknown {
    return { consecutive: this.#consecutive }
  }

  restore(state: unknown): void {
    this.#consecutive = Number((state as { consecutive?: number } | null)?.consecutive ?? 0)
  }
}

export interface GradientNormMonitorOptions {
  /** Warn when the norm is this many times the running average. Default 20. */
  readonly explosionFactor?: number
  /** Warn when the running average falls below this. Default 1e-7. */
  readonly vanishingNorm?: number
  /** Steps over which the average runs, and steps of silence after a warning. Default 100. */
  readonly window?: number
}

/** Reports gradient norms that jump far above their running average, or have all but vanished. */
export class GradientNormMonitor implements Monitor {
  readonly name = 'gradient-norm'
  readonly #explosionFactor: number
  readonly #vanishingNorm: number
  readonly #window: number
  #average = 0
  #observed = 0
  #silentUntil = 0

  constructor(options: GradientNormMonitorOptions = {}) {
    this.#explosionFactor = options.explosionFactor ?? 20
    this.#vanishingNorm = options.vanishingNorm ?? 1e-7
    this.#window = options.window ?? 100
  }

  observe(step: number, metrics: StepMetrics): TrainingWarning[] {
    const norm = metrics.gradNorm
    if (norm === undefined || !Number.isFinite(norm)) return []
    const before = this.#average
    this.#observed++
    // A plain mean until the window is full, an exponential one from then on.
    this.#average += (norm - before) / Math.min(this.#observed, this.#window)
    if (this.#observed < this.#window || step < this.#silentUntil) return []
    const warn = (message: string, cure: string): TrainingWarning[] => {
      this.#silentUntil = step + this.#window
      return [{ monitor: this.name, step, message, cure }]
    }
    if (norm > this.#explosionFactor * before) {
      return warn(
        `the gradient norm is ${norm.toPrecision(3)}, where it was ${before.toPrecision(3)} on average.`,
        'If the loss rises with it, lower the learning rate or clipNorm.',
      )
    }
    if (this.#average < this.#vanishingNorm) {
      return warn(
        `the gradient norm is ${this.#average.toPrecision(3)} on average: the model has stopped learning.`,
        'Look at the loss: it may have collapsed to a constant, or the parameters may be frozen.',
      )
    }
    return []
  }

  state(): unknown {
    return { average: this.#average, observed: this.#observed, silentUntil: this.#silentUntil }
  }

  restore(state: unknown): void {
    const { average = 0, observed = 0, silentUntil = 0 } = (state ?? {}) as Record<string, number>
    this.#average = average
    this.#observed = observed
    this.#silentUntil = silentUntil
  }
}
