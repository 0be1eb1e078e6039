import { formatNumber, makeAxis } from './axis'
import { type Html, html } from './html'

export interface BarChartOptions {
  readonly title: string
  /** One bar a value, from 0 up. */
  readonly values: ArrayLike<number>
  readonly xLabel?: string
  readonly yLabel?: string
  /** Colour of the bars, as the position in a line chart's series. Default 0. */
  readonly colour?: number
  readonly note?: string
}

const width = 480
const height = 190
const margin = { left: 58, right: 14, top: 10, bottom: 36 }

/** A bar for each value (at least a hairline, so that an empty place is told from a rare one), as a figure with inline SVG. */
export const barChart = (options: BarChartOptions): Html => {
  const values = Array.from(options.values, (value) => (Number.isFinite(value) && value > 0 ? value : 0))
  const axis = makeAxis([0, ...values], { min: 0, tickCount: 4 })
  const plotWidth = width - margin.left - margin.right
  const plotHeight = height - margin.top - margin.bottom
  const bottom = margin.top + plotHeight
  const pitch = plotWidth / Math.max(1, values.length)
  const bars = values.map((value, index) => {
    const tall = value === 0 ? 0 : Math.max(1, axis.position(value) * plotHeight)
    const left = margin.left + index * pitch + pitch * 0.1
    return html`<rect x="${left.toFixed(2)}" y="${(bottom - tall).toFixed(2)}" width="${(pitch * 0.8).toFixed(2)}" height="${tall.toFixed(2)}"><title>${index}: ${formatNumber(value)}</title></rect>`
  })
  const lines = axis.ticks.map((tick) => {
    const top = (bottom - axis.position(tick) * plotHeight).toFixed(1)
    return html`<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${top}" y2="${top}"/><text class="tick" x="${margin.left - 7}" y="${top}" dy="0.35em" text-anchor="end">${formatNumber(tick)}</text>`
  })
  const ends = values.length === 0 ? [] : [...new Set([0, values.length - 1])]
  const numbers = ends.map(
    (index) =>
      html`<text class="tick" x="${(margin.left + (index + 0.5) * pitch).toFixed(1)}" y="${bottom + 15}" text-anchor="middle">${index}</text>`,
  )
  const middle = margin.top + plotHeight / 2
  const labels = [
    options.xLabel
      ? html`<text class="label" x="${margin.left + plotWidth / 2}" y="${height - 5}" text-anchor="middle">${options.xLabel}</text>`
      : null,
    options.yLabel
      ? html`<text class="label" transform="translate(13 ${middle}) rotate(-90)" text-anchor="middle">${options.yLabel}</text>`
      : null,
  ]
  return html`<figure class="chart"><figcaption>${options.title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${options.title}">${lines}<g class="bars" style="--colour: var(--series-${options.colour ?? 0})">${bars}</g><line class="axis" x1="${margin.left}" x2="${width - margin.right}" y1="${bottom}" y2="${bottom}"/>${numbers}${labels}</svg>${options.note ? html`<p class="note">${options.note}</p>` : null}</figure>`
}
