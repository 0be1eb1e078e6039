export { type Axis, type AxisOptions, formatNumber, makeAxis } from './axis'
export { type BarChartOptions, barChart } from './bar-chart'
export { escapeHtml, Html, type HtmlValue, html, rawHtml } from './html'
export { type ChartPoint, type ChartSeries, type LineChartOptions, lineChart } from './line-chart'
export { cards, keyFigures, paragraph, type ReportOptions, type ReportSection, renderReport } from './page'
export { encodePng, type IndexedImage } from './png'
export { type RecordingCardOptions, recordingCard } from './recording-card'
export { heatPalette, type Spectrogram, type SpectrogramOptions, spectrogram, spectrogramImage } from './spectrogram'
export { type TableCell, type TableOptions, table } from './table'
export {
  type AudioClip,
  audioValue,
  EventFile,
  type EventFileOptions,
  histogramValue,
  hyperParametersValue,
  type SummaryValue,
  scalarValue,
  textValue,
} from './tensorboard/index'
export { type TrainingReportOptions, trainingReport } from './training-report'
