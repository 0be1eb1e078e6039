import { formatDuration, paragraph, renderReport, type StagesSummary, table } from '@babble/core'
import type { IterationOutcome } from './iterations'

const columns = [
  'iteration',
  'labels from',
  'clusters',
  'purity',
  'cluster purity',
  'PNMI',
  'masked accuracy',
  'held out',
]

const figure = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(4))

const rowOf = ({ iteration, features, clusters, emptyClusters, quality, model, training }: IterationOutcome) => [
  model === undefined ? 'after' : String(iteration),
  features === 'mfcc' ? 'MFCC' : `layer ${features.layer}`,
  emptyClusters > 0 ? `${clusters} (${emptyClusters} empty)` : String(clusters),
  figure(quality?.purity),
  figure(quality?.clusterPurity),
  figure(quality?.pnmi),
  figure(training?.maskedAccuracy),
  figure(training?.heldOutMaskedAccuracy),
]

/** The iterations as a table of text. */
export const iterationsTable = (iterations: readonly IterationOutcome[]): string => {
  const lines = [columns, ...iterations.map(rowOf)]
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A page with the clusters' quality, iteration by iteration, and what each stage took. */
export const iterationsReport = (
  iterations: readonly IterationOutcome[],
  { stages, seconds }: StagesSummary,
): string => {
  const trained = iterations.filter(({ model }) => model !== undefined).length
  return renderReport({
    title: 'HuBERT: hidden units, refined',
    subtitle: `${trained} iteration${trained === 1 ? '' : 's'} in ${formatDuration(seconds)}`,
    sections: [
      {
        title: 'Iterations',
        note: 'Quality of the labels that each iteration predicts, and how often the masked ones are predicted rightly',
        blocks: [
          table({ columns, rows: iterations.map(rowOf), numeric: [2, 3, 4, 5, 6, 7] }),
          paragraph(
            'Purity is the chance that a frame has the unit most common in its cluster; PNMI the share of the uncertainty about the unit that the ',
            'cluster takes away. More clusters have a higher purity by themselves.',
          ),
        ],
      },
      {
        title: 'Stages',
        blocks: [
          table({
            columns: ['stage', 'what', 'time'],
            rows: stages.map((stage) => [stage.name, stage.title, formatDuration(stage.seconds)]),
            numeric: [2],
          }),
        ],
      },
    ],
  })
}
