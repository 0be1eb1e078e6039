import type { Introduction } from './contestant'
import type { Preparation, StepCheck, StepTiming } from './report/records'

export interface StepIntroduction extends Introduction {
  readonly parameters: number
}

/** Requests of the step benchmark. */
export type StepRequest =
  /** The first step, compiling included. */
  { readonly do: 'prepare' } | { readonly do: 'steps'; readonly count: number }

export interface StepAnswer {
  readonly prepare: Preparation
  readonly steps: { readonly steps: readonly (StepTiming & StepCheck)[] }
}
