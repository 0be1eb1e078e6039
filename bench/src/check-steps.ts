import type { StepChecks } from './agreement'
import { Contestant, ContestantError, type Launch } from './contestant'
import type { StepCheck } from './report/records'
import type { ContestantKey } from './settings'
import type { Specification } from './specification'
import type { StepAnswer, StepRequest } from './step-protocol'

/** The second and third step start from what the optimiser made of the one before. */
const checkedSteps = 3

/** PyTorch compiled is the same program as PyTorch, and other engines run the same one as `ours`: these two stand for all. */
const comparedKeys: readonly ContestantKey[] = ['ours', 'pytorch']

/** Whether a task without dropout draws nothing at random. wav2vec 2.0's quantiser adds Gumbel noise. */
export const isComparable = ({ task }: Specification): boolean => task !== 'pretraining'

/** The first steps of a process of its own, so that it leaves no trace in what is timed. */
const firstSteps = async (launch: Launch): Promise<readonly StepCheck[]> => {
  const { contestant } = await Contestant.start(launch)
  try {
    const request: StepRequest = { do: 'steps', count: checkedSteps }
    const { steps } = await contestant.ask<StepAnswer['steps']>(request)
    return steps.map(({ loss, gradNorm }) => ({ loss, gradNorm }))
  } finally {
    contestant.stop()
  }
}

/**
 * Runs the first steps of Babble, whose new model the launch saves, and then of PyTorch, which starts from it.
 *
 * @returns undefined where not both take part, or one of them cannot
 */
export const checkSteps = async (
  keys: readonly ContestantKey[],
  launch: (key: ContestantKey) => Launch,
): Promise<StepChecks | undefined> => {
  const takesPart = (key: ContestantKey) => keys.some((name) => name.startsWith(key))
  if (!comparedKeys.every(takesPart)) return undefined
  const checks: Partial<Record<ContestantKey, readonly StepCheck[]>> = {}
  try {
    for (const key of comparedKeys) checks[key] = await firstSteps(launch(key))
    return checks
  } catch (error) {
    if (!(error instanceof ContestantError)) throw error
    console.log(`Not compared: ${error.message}`)
    return undefined
  }
}
