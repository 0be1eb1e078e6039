import {
  barChart,
  formatDuration,
  keyFigures,
  lineChart,
  paragraph,
  type ReportSection,
  renderReport,
  table,
} from '@babble/core'
import {
  type Corpus,
  type CorpusParts,
  curve,
  type DigitRecording,
  errorRate,
  percent,
  recordingsSection,
  updates,
} from '@babble/example-common'
import type { ComparisonRow } from './compare'
import type { FinetuningOutcome } from './finetune'
import type { PretrainingOutcome } from './pretrain'
import type { Settings } from './settings'

export interface ReportContent {
  readonly corpus: Corpus
  readonly recordings: CorpusParts
  readonly settings: Settings
  readonly seed: number
  readonly quick: boolean
  readonly pretraining: PretrainingOutcome
  readonly finetuning: FinetuningOutcome
  readonly comparison?: readonly ComparisonRow[]
  /** Seconds that each stage took. */
  readonly seconds: Readonly<Record<string, number>>
  /** Engine and machine, a line each. */
  readonly machine: readonly string[]
}

const pretrainingSection = ({
  pretraining: { history, codebooks },
  settings: { config },
}: ReportContent): ReportSection => {
  const { numCodevectorsPerGroup: entries, numCodevectorGroups: groups, numNegatives } = config
  const train = (metric: string, scale = 1) => curve(history, 'train', metric, scale)
  return {
    title: 'Pre-training, without labels',
    note: `The model hears speech with some stretches masked, and learns to tell what was there from ${numNegatives} distractors out of the same recording.`,
    grid: true,
    blocks: [
      lineChart({
        title: 'Contrastive loss',
        series: [{ name: 'contrastive loss, in nats', points: train('contrastiveLoss') }],
        x: updates,
        y: { label: 'nats' },
        reference: { y: Math.log(numNegatives + 1), label: 'guessing' },
      }),
      lineChart({
        title: 'Masked frames whose own target is found',
        series: [{ name: 'accuracy, in %', points: train('contrastiveAccuracy', 100) }],
        x: updates,
        y: { label: '%', min: 0 },
        reference: { y: 100 / (numNegatives + 1), label: 'guessing' },
      }),
      lineChart({
        title: 'Codes in use',
        series: [
          { name: 'chosen', points: train('codePerplexity') },
          { name: 'average probabilities', points: train('probPerplexity') },
        ],
        x: updates,
        y: { label: 'perplexity', min: 0, max: groups * entries },
        note: `Perplexity summed over ${groups} codebooks: at most ${groups * entries}; a collapsed quantiser would be near ${groups}.`,
      }),
      lineChart({
        title: 'Gumbel temperature',
        series: [{ name: 'temperature', points: train('temperature') }],
        x: updates,
        y: { min: 0 },
      }),
      ...codebooks.counts.map((counts, group) =>
        barChart({
          title: `Use of codebook ${group + 1}`,
          values: [...counts].sort((a, b) => b - a),
          colour: group,
          xLabel: 'entry, from the most used',
          yLabel: 'frames',
          note: `Perplexity ${codebooks.perplexities[group]!.toFixed(1)} of ${entries}.`,
        }),
      ),
    ],
  }
}

const finetuningSection = ({ finetuning: { history }, comparison }: ReportContent): ReportSection => ({
  title: 'Fine-tuning with labels',
  note: 'A linear layer over the pre-trained network learns to name the digits; the whole network is trained along, with CTC.',
  grid: true,
  blocks: [
    lineChart({
      title: 'CTC loss',
      series: [{ name: 'loss, in nats a label', points: curve(history, 'train', 'loss') }],
      x: updates,
      y: { label: 'nats', scale: 'log' },
    }),
    lineChart({
      title: 'Word error rate on takes held out, seen speakers',
      series: (comparison ?? [{ name: 'pre-trained', history }]).map(({ name, history }, index) => ({
        name: `${name}, %`,
        points: curve(history, 'evaluation', 'wordErrorRate', 100),
        dashed: index % 2 === 1,
      })),
      x: updates,
      y: { label: '%', min: 0 },
    }),
  ],
})

const comparisonSections = ({ comparison }: ReportContent): ReportSection[] =>
  comparison === undefined
    ? []
    : [
        {
          title: 'Is pre-training worth it?',
          note: 'The same fine-tuning from pre-trained and from random weights, with all labels and with a tenth of them.',
          blocks: [
            table({
              columns: ['start', 'labelled recordings', 'WER, seen speakers', 'WER, unseen speaker'],
              rows: comparison.map(({ name, labels, valid, test }) => [name, labels, percent(valid), percent(test)]),
              numeric: [2, 3],
            }),
          ],
        },
      ]

const settingsSection = (content: ReportContent): ReportSection => {
  const { settings, corpus, recordings, seed, seconds, machine, pretraining } = content
  const { config } = settings
  const total = (part: readonly DigitRecording[]) =>
    part.reduce((sum, { waveform }) => sum + waveform.length, 0) / settings.sampleRate
  const speakers = (part: readonly DigitRecording[]) => [...new Set(part.map(({ speaker }) => speaker))].join(', ')
  const stage = ({ steps, batchSize, seconds: length, optimizer }: Settings['pretraining'] | Settings['finetuning']) =>
    `${steps} updates of ${batchSize} x ${length} s, learning rate ${optimizer.learningRate}`
  const sum = Object.values(seconds).reduce((all, part) => all + part, 0)
  return {
    title: 'What was done',
    blocks: [
      paragraph(`Data: ${corpus.source}.`),
      table({
        columns: ['recordings', 'number', 'seconds', 'speakers'],
        rows: [
          ['training', recordings.train.length, total(recordings.train), speakers(recordings.train)],
          [
            'held-out takes of the same speakers',
            recordings.valid.length,
            total(recordings.valid),
            speakers(recordings.valid),
          ],
          ['unseen speaker', recordings.test.length, total(recordings.test), speakers(recordings.test)],
        ],
      }),
      table({
        columns: ['setting', 'value'],
        rows: [
          [
            'model',
            `wav2vec 2.0, ${pretraining.parameters.toLocaleString('en-US')} parameters with its quantiser, ${settings.sampleRate} Hz`,
          ],
          [
            'waveform encoder',
            `channels ${config.convDim.join(', ')}; strides ${config.convStride.join(', ')}; ${config.featExtractNorm} norm`,
          ],
          [
            'Transformer',
            `${config.numHiddenLayers} blocks of width ${config.hiddenSize}, ${config.numAttentionHeads} heads`,
          ],
          ['quantiser', `${config.numCodevectorGroups} codebooks of ${config.numCodevectorsPerGroup} entries`],
          ['pre-training', stage(settings.pretraining)],
          ['fine-tuning', stage(settings.finetuning)],
          [
            'augmentation',
            `speed ${settings.finetuning.augmentation.speeds.join(', ')}; random tilt; noise; masked spans`,
          ],
          ['units', 'whole words'],
          ['seed', String(seed)],
        ],
      }),
      table({
        columns: ['stage', 'time'],
        rows: [
          ...Object.entries(seconds).map(([name, time]) => [name, formatDuration(time)] as const),
          ['total', formatDuration(sum)] as const,
        ],
        numeric: [1],
      }),
      ...machine.map((line) => paragraph(line)),
    ],
  }
}

/** The demo's report, as one HTML page. */
export const demoReport = (content: ReportContent): string => {
  const { finetuning, settings, corpus, quick, pretraining } = content
  const valid = errorRate(finetuning.valid)
  const test = errorRate(finetuning.test)
  const accuracy = curve(pretraining.history, 'train', 'contrastiveAccuracy').at(-1)?.y ?? Number.NaN
  return renderReport({
    title: 'Learning to recognise spoken digits',
    subtitle: `wav2vec 2.0, pre-trained and fine-tuned on ${corpus.source}${quick ? '; a shortened run, whose error rates mean nothing' : ''}`,
    sections: [
      {
        title: 'Outcome',
        ...(corpus.synthetic
          ? { note: 'The recordings are SYNTHETIC: these are error rates on a machine voice, not on people.' }
          : {}),
        blocks: [
          keyFigures([
            {
              value: percent(valid.rate),
              label: `word error rate, ${valid.words} held-out takes of speakers heard in training`,
            },
            { value: percent(test.rate), label: `word error rate, ${test.words} takes of a speaker never heard` },
            {
              value: percent(accuracy),
              label: `of masked frames found in pre-training (guessing: ${percent(1 / (settings.config.numNegatives + 1))})`,
            },
          ]),
        ],
      },
      ...comparisonSections(content),
      pretrainingSection(content),
      finetuningSection(content),
      recordingsSection('Held-out takes of speakers heard in training', finetuning.valid, settings.sampleRate),
      recordingsSection('A speaker never heard in training', finetuning.test, settings.sampleRate),
      settingsSection(content),
    ],
  })
}
