import { formatDuration } from '../train/progress'
import type { MetricsRecord, RunRecord } from '../train/run-log'
import { formatNumber } from './axis'
import type { Html } from './html'
import { type ChartPoint, type ChartSeries, type LineChartOptions, lineChart } from './line-chart'
import { cards, keyFigures, paragraph, type ReportSection, renderReport } from './page'
import { type RecordingCardOptions, recordingCard } from './recording-card'
import { table } from './table'

export interface TrainingReportOptions {
  readonly title: string
  /** One line under the title, such as the model and the data. */
  readonly subtitle?: string
  /** The run's log; see `readRunLog`. */
  readonly records: readonly RunRecord[]
  /** `running`, `completed`, `interrupted` or `failed`. */
  readonly status?: string
  readonly best?: { readonly metric: string; readonly step: number; readonly value: number }
  /** Recordings to look at and listen to, with what was recognised in them. */
  readonly samples?: readonly RecordingCardOptions[]
  /** What was run, as (nested) settings. */
  readonly config?: Readonly<Record<string, unknown>>
  /** What it was run on. */
  readonly environment?: Readonly<Record<string, unknown>>
}

/** Metrics that have charts of their own, or are none. */
const special = new Set([
  'loss',
  'learningRate',
  'gradNorm',
  'stepsPerSecond',
  'audioSecondsPerSecond',
  'dataWait',
  'skipped',
])

/** `contrastiveLoss` is "Contrastive loss". */
const inWords = (name: string): string => {
  const words = name.replace(/([a-z0-9])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const points = (
  records: readonly MetricsRecord[],
  kind: MetricsRecord['kind'],
  metric: string,
  scale = 1,
): ChartPoint[] =>
  records
    .filter((record) => record.kind === kind && record.metrics[metric] !== undefined)
    .map(({ step, metrics }) => ({ x: step, y: scale * metrics[metric]! }))

const curve = (name: string, line: ChartPoint[], dashed = false): ChartSeries => ({
  name,
  points: line,
  dashed,
  ...(line.length > 60 ? { smoothing: Math.round(line.length / 20) } : {}),
})

const chart = (title: string, series: ChartSeries[], y: LineChartOptions['y'] = {}, note?: string): Html[] => {
  const drawn = series.filter((line) => line.points.length > 0)
  if (drawn.length === 0) return []
  const options = { title, series: drawn, x: { label: 'update', min: 0 }, y }
  return [lineChart(note === undefined ? options : { ...options, note })]
}

/** Training and evaluation in one chart, since they are to be compared. */
const metricChart = (records: readonly MetricsRecord[], metric: string): Html[] =>
  chart(inWords(metric), [
    curve('training', points(records, 'train', metric)),
    { ...curve('evaluation', points(records, 'evaluation', metric), true), dots: true },
  ])

const learningSection = (records: readonly MetricsRecord[]): ReportSection => {
  const names = new Set(records.flatMap(({ metrics }) => Object.keys(metrics)).filter((name) => !special.has(name)))
  return {
    title: 'Learning',
    grid: true,
    blocks: [...metricChart(records, 'loss'), ...[...names].flatMap((name) => metricChart(records, name))],
  }
}

const optimisationSection = (records: readonly MetricsRecord[]): ReportSection => {
  const train = (name: string, metric: string, scale = 1) => curve(name, points(records, 'train', metric, scale))
  const audio = train('seconds of audio a second', 'audioSecondsPerSecond')
  const gradient = train('norm before clipping', 'gradNorm')
  const spread = gradient.points.some(({ y }) => y > 0) ? ({ scale: 'log' } as const) : {}
  const skipped = train('updates', 'skipped')
  return {
    title: 'Optimisation and speed',
    grid: true,
    blocks: [
      ...chart('Learning rate', [{ ...train('learning rate', 'learningRate'), smoothing: 0 }], { min: 0 }),
      ...chart('Gradient norm', [gradient], spread),
      ...chart('Throughput', audio.points.length > 0 ? [audio] : [train('updates a second', 'stepsPerSecond')], {
        min: 0,
      }),
      ...chart('Time spent waiting for data', [train('% of the time', 'dataWait', 100)], { min: 0 }),
      ...(skipped.points.some(({ y }) => y > 0)
        ? chart('Skipped updates', [skipped], { min: 0 }, 'Loss or gradient was not finite; see the warnings.')
        : []),
    ],
  }
}

/** Nested settings as rows of dotted names. */
const flatten = (value: unknown, name: string): [string, string][] => {
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return [[name, value.join(', ')]]
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).flatMap(([key, item]) => flatten(item, name === '' ? key : `${name}.${key}`))
  }
  return value === undefined ? [] : [[name, String(value)]]
}

const settingsSection = (title: string, settings: Readonly<Record<string, unknown>> | undefined): ReportSection[] => {
  const rows = settings === undefined ? [] : flatten(settings, '')
  return rows.length === 0 ? [] : [{ title, blocks: [table({ columns: ['name', 'value'], rows })] }]
}

const warningsSection = (records: readonly RunRecord[]): ReportSection[] => {
  const rows = records.flatMap((record) =>
    record.kind === 'warning' ? [[String(record.step), record.monitor, record.message]] : [],
  )
  if (rows.length === 0) return []
  const shown = rows.slice(-50)
  const note = rows.length > shown.length ? `The last ${shown.length} of ${rows.length}.` : undefined
  const columns = ['update', 'monitor', 'what it saw']
  return [{ title: 'Warnings', blocks: [table({ columns, rows: shown })], ...(note === undefined ? {} : { note }) }]
}

const outcome = ({ records, best, status }: TrainingReportOptions): Html[] => {
  const metrics = records.filter((record) => record.kind !== 'warning')
  const last = metrics.at(-1)
  if (!last) return [paragraph('Nothing has been logged yet.')]
  const loss = metrics.findLast(({ kind, metrics }) => kind === 'train' && metrics.loss !== undefined)?.metrics.loss
  return [
    keyFigures([
      ...(best ? [{ value: formatNumber(best.value), label: `best ${best.metric}, at update ${best.step}` }] : []),
      ...(loss === undefined ? [] : [{ value: formatNumber(loss), label: 'last training loss' }]),
      { value: formatNumber(last.step), label: status === undefined ? 'updates' : `updates, ${status}` },
      { value: formatDuration(last.seconds), label: 'of training, evaluations and checkpoints aside' },
    ]),
  ]
}

/** A training run as one HTML page: curves, recordings with what was recognised, warnings, settings. It needs no other file. */
export const trainingReport = (options: TrainingReportOptions): string => {
  const { title, subtitle, records, samples = [], config, environment } = options
  const metrics = records.filter((record) => record.kind !== 'warning')
  const sections: ReportSection[] = [
    { title: 'Outcome', blocks: outcome(options) },
    learningSection(metrics),
    optimisationSection(metrics),
    ...(samples.length > 0 ? [{ title: 'Recordings', blocks: [cards(samples.map(recordingCard))] }] : []),
    ...warningsSection(records),
    ...settingsSection('Settings', config),
    ...settingsSection('Machine and software', environment),
  ]
  return renderReport({
    title,
    ...(subtitle === undefined ? {} : { subtitle }),
    sections: sections.filter(({ blocks }) => blocks.length > 0),
  })
}
