import { agrees, disagreements } from '../agreement'
import { titles } from '../settings'
import type { StepRecord } from './records'

/** What the comparison of a run's contestants gave, a line for each that was compared with Babble. */
export const agreementLines = ({ checks, precision }: Pick<StepRecord, 'checks' | 'precision'>): string[] =>
  disagreements(checks ?? {}).map(([key, disagreement]) => {
    const losses = checks!.ours!.map(({ loss }) => loss.toPrecision(7)).join(', ')
    const { loss, gradNorm } = disagreement
    const verdict = agrees(disagreement, precision) ? 'the same loss' : 'ANOTHER LOSS'
    return `${verdict}: Babble's first steps without dropout have ${losses}; from the same parameters ${titles[key]}'s differ by at most ${loss.toExponential(0)} (gradient norm ${gradNorm.toExponential(0)})`
  })
