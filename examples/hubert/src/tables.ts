import { join } from 'node:path'
import { type FinishedStage, formatDuration, readRunLog } from '@babble/core'
import { percent } from '@babble/example-common'
import type { heldOut } from './corpus'
import { startNames } from './finetune'
import type { Outcome } from './recipe'
import type { Settings } from './settings'

/** Cells of a table, for the terminal and for the report. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const share = (value: number) => value.toFixed(3)

/** What clusters are of, in the order of the recipe. */
export const clusterNames = ({ layer }: Settings): readonly [string, string, string] => [
  'MFCC',
  `iteration 1, layer ${layer}`,
  `iteration 2, layer ${layer}`,
]

/** How well clusters stand for the digits: equally many of each kind, on takes that neither k-means nor a model has heard. */
export const qualityTable = (outcome: Outcome, settings: Settings): Table => {
  const names = clusterNames(settings)
  const parts: readonly (typeof heldOut)[number][] = ['valid', 'test']
  return {
    columns: [
      `${settings.clusters} clusters of`,
      ...parts.flatMap((part) => ['purity', 'cluster purity', 'PNMI'].map((name) => `${name}, ${speakers[part]}`)),
    ],
    rows: outcome.clusters.map(({ result }, index) => [
      names[index]!,
      ...parts.flatMap((part) => {
        const { purity, clusterPurity, pnmi } = result.quality[part]
        return [purity, clusterPurity, pnmi].map(share)
      }),
    ]),
  }
}

/** Seconds of training, which a stage's own time lacks of attempts that were killed. */
const trainingSeconds = ({ directory }: FinishedStage<object>): number => {
  const last = readRunLog(join(directory, 'run')).findLast((record) => record.kind === 'train')
  return last?.kind === 'train' ? last.seconds : 0
}

const speakers = { valid: 'seen speakers', test: 'unseen speaker' } as const

/** Error rates of the fine-tuned models, and what went into their pre-training. */
export const errorTable = ({ finetuned, iterations, wav2vec2 }: Outcome): Table => {
  const pretraining = {
    hubert: [...iterations],
    wav2vec2: [wav2vec2],
    random: [],
  } as const
  return {
    columns: [
      'pre-training',
      'updates',
      'audio heard',
      'training time',
      'WER, seen speakers',
      'WER, unseen speaker',
      'CER, unseen speaker',
    ],
    rows: finetuned.map(({ start, stage: { result } }) => {
      const stages = pretraining[start]
      const sum = (value: (stage: (typeof stages)[number]) => number) =>
        stages.reduce((total, stage) => total + value(stage), 0)
      return [
        start === 'hubert' ? 'HuBERT, two iterations' : startNames[start],
        String(sum((stage) => stage.result.updates)),
        formatDuration(sum((stage) => stage.result.audioSeconds)),
        formatDuration(sum(trainingSeconds)),
        percent(result.validWordErrorRate),
        percent(result.testWordErrorRate),
        percent(result.testCharacterErrorRate),
      ]
    }),
  }
}

/** A table as text: the first column flush left, the others flush right. */
export const tableText = ({ columns, rows }: Table): string => {
  const lines = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
    )
    .map((line) => `${line}\n`)
    .join('')
}
