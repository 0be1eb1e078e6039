import type { StepCheck } from './report/records'
import type { ContestantKey, Precision } from './settings'

/** The first steps of contestants that began with the same parameters. */
export type StepChecks = Readonly<Partial<Record<ContestantKey, readonly StepCheck[]>>>

/** How far a contestant's steps lie from Babble's at most, relative to Babble's. */
export interface Disagreement {
  readonly loss: number
  readonly gradNorm: number
}

/**
 * How far steps may lie apart for contestants to compute the same. In float32, PyTorch's norm of 95 M gradients is off by 1e-4
 * where the gradients themselves are right to 1e-6: it adds up the squares of each large array in float32.
 */
const tolerances: Readonly<Record<Precision, Disagreement>> = {
  float32: { loss: 1e-5, gradNorm: 1e-3 },
  bf16: { loss: 2e-2, gradNorm: 5e-2 },
}

const disagreementOf = (steps: readonly StepCheck[], ours: readonly StepCheck[]): Disagreement => {
  const largest = (field: keyof StepCheck) =>
    Math.max(
      ...ours.map((own, index) => {
        // NaN, which agrees with nothing, where a step is missing.
        const value = steps[index]?.[field] ?? Number.NaN
        return Math.abs(value - own[field]) / Math.abs(own[field])
      }),
    )
  return { loss: largest('loss'), gradNorm: largest('gradNorm') }
}

/** How far each contestant that was compared lies from Babble; none where Babble took no part. */
export const disagreements = ({ ours, ...others }: StepChecks): [ContestantKey, Disagreement][] =>
  ours ? Object.entries(others).map(([key, steps]) => [key as ContestantKey, disagreementOf(steps, ours)]) : []

/** Whether a contestant computes what Babble does. */
export const agrees = ({ loss, gradNorm }: Disagreement, precision: Precision): boolean =>
  loss <= tolerances[precision].loss && gradNorm <= tolerances[precision].gradNorm
