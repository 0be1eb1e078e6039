import { ConfigError } from '../errors'

/**
 * A learning-rate schedule: the factor on the base learning rate for update number `step` (1 for the first). `description` is
 * written into checkpoints and `run.json`.
 */
export interface Schedule {
  (step: number): number
  readonly description?: string
}

const describe = (schedule: (step: number) => number, description: string): Schedule =>
  Object.assign((step: number) => schedule(step), { description })

const requireSteps = (field: string, value: number, minimum: number): void => {
  if (!Number.isInteger(value) || value < minimum) {
    throw new ConfigError(`${field} is ${value}; it must be a whole number of at least ${minimum}.`, { field })
  }
}

/** Linear from 1/warmupSteps at the first update to 1 at update `warmupSteps`; `after` gets the updates done since. */
const withWarmup =
  (warmupSteps: number, after: (stepsSince: number) => number) =>
  (step: number): number =>
    step <= warmupSteps ? step / warmupSteps : after(step - 1 - warmupSteps)

/** Always `factor` (1), after an optional linear warm-up. */
export const constantSchedule = (options: { factor?: number; warmupSteps?: number } = {}): Schedule => {
  const { factor = 1, warmupSteps = 0 } = options
  requireSteps('warmupSteps', warmupSteps, 0)
  const schedule = withWarmup(warmupSteps, () => 1)
  return describe((step) => factor * schedule(step), `constant(factor=${factor}, warmupSteps=${warmupSteps})`)
}

export interface PolynomialDecayOptions {
  /** Updates of linear warm-up; wav2vec 2.0 takes 8 % of `totalSteps`. Default 0. */
  readonly warmupSteps?: number
  /** Updates in all; the decay ends there. */
  readonly totalSteps: number
  /** Default 1: linear. */
  readonly power?: number
  /** Factor that the decay runs to. Default 0. */
  readonly end?: number
}

/** Linear warm-up, then a polynomial decay to `end` (wav2vec 2.0, section 4.2, pre-trains with `power` 1). */
export const polynomialDecaySchedule = (options: PolynomialDecayOptions): Schedule => {
  const { warmupSteps = 0, totalSteps, power = 1, end = 0 } = options
  requireSteps('warmupSteps', warmupSteps, 0)
  requireSteps('totalSteps', totalSteps, Math.max(1, warmupSteps))
  const decaySteps = totalSteps - warmupSteps
  const decay = (since: number) => (since >= decaySteps ? end : end + (1 - end) * (1 - since / decaySteps) ** power)
  return describe(
    withWarmup(warmupSteps, decay),
    `polynomialDecay(warmupSteps=${warmupSteps}, totalSteps=${totalSteps}, power=${power}, end=${end})`,
  )
}

/** Linear warm-up and linear decay: `polynomialDecaySchedule` with power 1. */
export const linearDecaySchedule = (options: Omit<PolynomialDecayOptions, 'power'>): Schedule =>
  polynomialDecaySchedule({ ...options, power: 1 })

/**
 * Linear warm-up, then a decay with the inverse square root of the update's number (Vaswani et al. 2017, section 5.3; SpeechT5 fine-tunes
 * text-to-speech with it): 1 at update `warmupSteps`.
 */
export const inverseSquareRootSchedule = ({ warmupSteps }: { readonly warmupSteps: number }): Schedule => {
  requireSteps('warmupSteps', warmupSteps, 1)
  return describe(
    (step) => Math.min(step / warmupSteps, Math.sqrt(warmupSteps / step)),
    `inverseSquareRoot(warmupSteps=${warmupSteps})`,
  )
}

export interface CosineOptions {
  readonly warmupSteps?: number
  readonly totalSteps: number
  /** Factor at the end of the half period. Default 0. */
  readonly end?: number
}

/** Linear warm-up, then half a period of a cosine down to `end`. */
export const cosineSchedule = (options: CosineOptions): Schedule => {
  const { warmupSteps = 0, totalSteps, end = 0 } = options
  requireSteps('warmupSteps', warmupSteps, 0)
  requireSteps('totalSteps', totalSteps, Math.max(1, warmupSteps))
  const decaySteps = totalSteps - warmupSteps
  const decay = (since: number) =>
    since >= decaySteps ? end : end + (1 - end) * 0.5 * (1 + Math.cos((Math.PI * since) / decaySteps))
  return describe(
    withWarmup(warmupSteps, decay),
    `cosine(warmupSteps=${warmupSteps}, totalSteps=${totalSteps}, end=${end})`,
  )
}

export interface TriStageOptions {
  readonly totalSteps: number
  /** Shares of `totalSteps` for warm-up, hold and decay. Default [0.1, 0.4, 0.5]. */
  readonly phases?: readonly [warmup: number, hold: number, decay: number]
  /** Factor at the first update. Default 0.01. */
  readonly start?: number
  /** Factor at the end of the decay, and from then on. Default 0.05. */
  readonly end?: number
}

/**
 * Linear warm-up, constant hold, exponential decay: the schedule of wav2vec 2.0's fine-tuning (section 4.3: 10 % warm-up, 40 %
 * hold, 50 % decay).
 */
export const triStageSchedule = (options: TriStageOptions): Schedule => {
  const { totalSteps, phases = [0.1, 0.4, 0.5], start = 0.01, end = 0.05 } = options
  requireSteps('totalSteps', totalSteps, 1)
  if (phases.some((share) => !(share >= 0)) || Math.abs(phases[0] + phases[1] + phases[2] - 1) > 1e-6) {
    throw new ConfigError(`phases are [${phases.join(', ')}]; they must be shares that add up to 1.`, {
      field: 'phases',
    })
  }
  if (!(end > 0)) throw new ConfigError(`end is ${end}; an exponential decay needs it above 0.`, { field: 'end' })
  const [warmupSteps, holdSteps, decaySteps] = phases.map((share) => Math.floor(totalSteps * share)) as [
    number,
    number,
    number,
  ]
  return describe(
    (step) => {
      const done = step - 1
      if (done < warmupSteps) return start + ((1 - start) * done) / warmupSteps
      if (done < warmupSteps + holdSteps) return 1
      const since = done - warmupSteps - holdSteps
      return since >= decaySteps ? end : end ** (since / decaySteps)
    },
    `triStage(totalSteps=${totalSteps}, phases=${phases.join('/')}, start=${start}, end=${end})`,
  )
}
