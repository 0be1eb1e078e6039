import { DataError, type ProgressListener } from '@babble/core'
import { type DigitRecording, errorRate } from '@babble/example-common'
import { type FinetuningOptions, type FinetuningOutcome, finetune } from './finetune'
import { tenthOf } from './strings'

/** One fine-tuning of the comparison. */
export interface ComparisonRow {
  readonly name: string
  readonly pretrained: boolean
  /** Labelled recordings. */
  readonly labels: number
  /** Word error rates, as shares. */
  readonly valid: number
  readonly test: number
  readonly history: FinetuningOutcome['history']
}

export interface CompareOptions extends Omit<FinetuningOptions, 'directory' | 'saveTo' | 'pretrained'> {
  readonly pretrained: string
  /** A folder for each fine-tuning is made in it. */
  readonly directory: string
  /** The fine-tuning that was done already: pre-trained, all labels. */
  readonly done: FinetuningOutcome
  /** Told before each fine-tuning. */
  readonly onStart?: (name: string) => void
  readonly onProgress?: ProgressListener
}

const row = (name: string, pretrained: boolean, labels: number, outcome: FinetuningOutcome): ComparisonRow => ({
  name,
  pretrained,
  labels,
  valid: errorRate(outcome.valid).rate,
  test: errorRate(outcome.test).rate,
  history: outcome.history,
})

/**
 * The same fine-tuning from random weights, and both with a tenth of the labels.
 *
 * @returns undefined when interrupted.
 */
export const compare = async (
  recordings: readonly DigitRecording[],
  options: CompareOptions,
): Promise<ComparisonRow[] | undefined> => {
  const { pretrained, directory, done, onStart, ...rest } = options
  const tenth = tenthOf(recordings)
  if (tenth.length === 0)
    throw new DataError('a tenth of the labels is none.', {
      field: 'data',
      cure: 'Give more recordings, or leave out --compare.',
    })
  const rows = [row('pre-trained, all labels', true, recordings.length, done)]
  const plans = [
    { key: 'random-all', name: 'random weights, all labels', start: undefined, labelled: recordings },
    { key: 'pretrained-tenth', name: 'pre-trained, a tenth of the labels', start: pretrained, labelled: tenth },
    { key: 'random-tenth', name: 'random weights, a tenth of the labels', start: undefined, labelled: tenth },
  ]
  for (const { key, name, start, labelled } of plans) {
    onStart?.(name)
    const where = { directory: `${directory}/${key}`, ...(start === undefined ? {} : { pretrained: start }) }
    const outcome = await finetune(labelled, { ...rest, ...where })
    if (!outcome) return undefined
    rows.push(row(name, start !== undefined, labelled.length, outcome))
  }
  return rows
}
