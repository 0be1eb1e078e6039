import { join } from 'node:path'
import {
  type FinishedStage,
  formatDuration,
  keyFigures,
  lineChart,
  type MetricsRecord,
  paragraph,
  type ReportSection,
  readRunLog,
  renderReport,
  type StagesSummary,
  table,
} from '@babble/core'
import { type Corpus, curve, percent, recordingsSection, updates } from '@babble/example-common'
import { parts } from '../corpus'
import { readTranscripts, startNames } from '../finetune'
import type { Outcome } from '../recipe'
import type { Settings } from '../settings'
import { clusterNames, errorTable, qualityTable, type Table } from '../tables'
import { sideBySide } from './side-by-side'
import { unitSection } from './unit-section'

export interface ReportContent {
  readonly outcome: Outcome
  readonly summary: StagesSummary
  readonly corpus: Corpus
  readonly settings: Settings
  readonly seed: number
  readonly quick: boolean
  /** Engine and machine, a line each. */
  readonly machine: readonly string[]
}

const historyOf = ({ directory }: FinishedStage<object>): MetricsRecord[] =>
  readRunLog(join(directory, 'run')).filter((record) => record.kind !== 'warning')

const tableBlock = ({ columns, rows }: Table) =>
  table({ columns, rows, numeric: columns.map((_, column) => column).slice(1) })

const clustersSection = ({ outcome, settings }: ReportContent): ReportSection => {
  const { clusters, refined } = outcome
  const line = (name: string, part: 'valid' | 'test', metric: 'purity' | 'pnmi') => ({
    name,
    points: clusters.map(({ result }, x) => ({ x, y: result.quality[part][metric] })),
    dashed: part === 'test',
  })
  const { purity, pnmi } = refined.result.quality.valid
  return {
    title: 'How well the clusters stand for the digits',
    note: `Purity is the chance that a frame's digit is the one most common in its cluster; cluster purity, that a frame's cluster is the one most common in its digit; PNMI, the share of the uncertainty about the digit that the cluster takes away. All are measured on takes that neither k-means nor a model has heard, with ${settings.clusters} clusters of each kind.`,
    blocks: [
      tableBlock(qualityTable(outcome, settings)),
      paragraph(
        `The second iteration predicted ${settings.refinedClusters} clusters of the first one's layer ${settings.layer}: purity ${purity.toFixed(3)}, PNMI ${pnmi.toFixed(3)} on seen speakers.`,
      ),
      sideBySide([
        lineChart({
          title: 'From MFCC (0) to the second iteration (2)',
          series: [
            line('purity, seen speakers', 'valid', 'purity'),
            line('PNMI, seen speakers', 'valid', 'pnmi'),
            line('purity, unseen speaker', 'test', 'purity'),
            line('PNMI, unseen speaker', 'test', 'pnmi'),
          ],
          x: { label: 'iteration', min: 0, max: 2, tickCount: 2 },
          y: { min: 0 },
        }),
      ]),
    ],
  }
}

const pretrainingSection = ({ outcome: { iterations, wav2vec2 }, settings }: ReportContent): ReportSection => {
  const histories = iterations.map(historyOf)
  const both = (metric: string, scale = 1) =>
    histories.map((history, index) => ({
      name: `iteration ${index + 1}`,
      points: curve(history, 'train', metric, scale),
      dashed: index === 0,
    }))
  const contrastive = historyOf(wav2vec2)
  return {
    title: 'Pre-training, without labels',
    note: `HuBERT predicts the clusters of hidden frames: ${settings.clusters} of MFCC in the first iteration, ${settings.refinedClusters} of the first model's layer ${settings.layer} in the second, so the two losses are of different tasks. wav2vec 2.0 tells hidden frames from distractors.`,
    grid: true,
    blocks: [
      lineChart({
        title: 'HuBERT: loss on hidden frames',
        series: both('maskedLoss'),
        x: updates,
        y: { label: 'nats' },
      }),
      lineChart({
        title: 'HuBERT: hidden frames whose cluster is found',
        series: both('maskedAccuracy', 100),
        x: updates,
        y: { label: '%', min: 0 },
      }),
      lineChart({
        title: 'HuBERT: other frames whose cluster is found',
        series: both('unmaskedAccuracy', 100),
        x: updates,
        y: { label: '%', min: 0 },
      }),
      lineChart({
        title: 'wav2vec 2.0: hidden frames told from distractors',
        series: [{ name: 'accuracy, in %', points: curve(contrastive, 'train', 'contrastiveAccuracy', 100) }],
        x: updates,
        y: { label: '%', min: 0 },
      }),
    ],
  }
}

const finetuningSection = ({ outcome, settings: { corpus } }: ReportContent): ReportSection => {
  const series = (kind: MetricsRecord['kind'], metric: string, scale = 1) =>
    outcome.finetuned.map(({ start, stage }) => ({
      name: startNames[start],
      points: curve(historyOf(stage), kind, metric, scale),
    }))
  return {
    title: 'Fine-tuning with CTC, and word error rates',
    note: `All models have the same encoder and are fine-tuned alike, on one of ${corpus.labelledEvery} training takes. wav2vec 2.0 had as many updates on as much audio as both iterations of HuBERT together.`,
    blocks: [
      tableBlock(errorTable(outcome)),
      sideBySide([
        lineChart({
          title: 'CTC loss',
          series: series('train', 'loss'),
          x: updates,
          y: { label: 'nats a word', scale: 'log' },
        }),
        lineChart({
          title: 'Word error rate on takes held out, seen speakers',
          series: series('evaluation', 'wordErrorRate', 100),
          x: updates,
          y: { label: '%', min: 0 },
        }),
      ]),
    ],
  }
}

const doneSection = ({ outcome, summary, corpus, settings, seed, machine }: ReportContent): ReportSection => {
  const { encoder, iterations, batchSize, corpus: strings, finetuning, mfcc } = settings
  const { result } = outcome.corpus
  return {
    title: 'What was done',
    blocks: [
      paragraph(`Data: ${corpus.source}, joined into strings of digits.`),
      table({
        columns: ['strings', 'number', 'digits', 'seconds'],
        rows: parts.map((part) => [part, result[part].strings, result[part].words, result[part].seconds]),
      }),
      table({
        columns: ['setting', 'value'],
        rows: [
          [
            'models',
            `HuBERT, ${outcome.iterations[0].result.parameters.toLocaleString('en-US')} parameters; wav2vec 2.0, ${outcome.wav2vec2.result.parameters.toLocaleString('en-US')}; ${settings.sampleRate} Hz`,
          ],
          ['waveform encoder', `channels ${encoder.convDim!.join(', ')}; strides ${encoder.convStride!.join(', ')}`],
          [
            'Transformer',
            `${encoder.numHiddenLayers} blocks of width ${encoder.hiddenSize}, ${encoder.numAttentionHeads} heads`,
          ],
          ['MFCC', JSON.stringify(mfcc)],
          ['pre-training', `${iterations.join(' + ')} updates of ${batchSize} x ${strings.seconds} s`],
          ['fine-tuning', `${finetuning.steps} updates of ${finetuning.batchSize} strings of ${strings.digits} digits`],
          ['units of CTC', 'whole words'],
          ['seed', String(seed)],
        ],
      }),
      table({
        columns: ['stage', 'folder', 'time'],
        rows: [
          ...summary.stages.map(({ title, name, seconds }) => [title, name, formatDuration(seconds)] as const),
          ['all', '', formatDuration(summary.seconds)] as const,
        ],
        numeric: [2],
      }),
      ...machine.map((line) => paragraph(line)),
    ],
  }
}

/** The example's report, as one HTML page. */
export const hubertReport = async (content: ReportContent): Promise<string> => {
  const { outcome, settings, corpus, quick } = content
  const { strings, clusters, finetuned } = outcome
  const names = clusterNames(settings)
  const [hubert, wav2vec2] = finetuned
  const best = hubert!.stage
  const [mfcc, , second] = clusters
  const heard = async (part: 'valid' | 'test', title: string) =>
    recordingsSection(title, await readTranscripts(best, part, await strings.recordings(part)), settings.sampleRate)
  return renderReport({
    title: 'Hidden units of spoken digits, refined',
    subtitle: `HuBERT in two iterations on ${corpus.source}${quick ? '; a shortened run, whose figures mean nothing' : ''}`,
    sections: [
      {
        title: 'Outcome',
        ...(corpus.synthetic
          ? { note: 'The recordings are SYNTHETIC: these are error rates on a machine voice, not on people.' }
          : {}),
        blocks: [
          keyFigures([
            {
              value: `${mfcc.result.quality.valid.purity.toFixed(2)} → ${second.result.quality.valid.purity.toFixed(2)}`,
              label: 'digit purity of the clusters, from MFCC to the second iteration, seen speakers',
            },
            {
              value: `${mfcc.result.quality.valid.pnmi.toFixed(2)} → ${second.result.quality.valid.pnmi.toFixed(2)}`,
              label: 'PNMI, likewise',
            },
            {
              value: percent(best.result.validWordErrorRate),
              label: `word error rate after fine-tuning, seen speakers; wav2vec 2.0: ${percent(wav2vec2!.stage.result.validWordErrorRate)}`,
            },
            {
              value: percent(best.result.testWordErrorRate),
              label: `word error rate on an unseen speaker; wav2vec 2.0: ${percent(wav2vec2!.stage.result.testWordErrorRate)}`,
            },
          ]),
        ],
      },
      clustersSection(content),
      await unitSection(
        strings,
        clusters.map((stage, index) => ({ name: names[index]!.split(',')[0]!, clusters: stage })),
      ),
      pretrainingSection(content),
      finetuningSection(content),
      await heard('valid', 'HuBERT: held-out takes of speakers heard in training'),
      await heard('test', 'HuBERT: a speaker never heard in training'),
      doneSection(content),
    ],
  })
}
