import { type Axis, type AxisOptions, formatNumber, makeAxis } from './axis'
import { type Html, html, rawHtml } from './html'

export interface ChartPoint {
  readonly x: number
  readonly y: number
}

export interface ChartSeries {
  readonly name: string
  readonly points: readonly ChartPoint[]
  /** Draws the mean of each point and the ones before it (exponential, over about this many points), the points themselves faintly. */
  readonly smoothing?: number
  readonly dashed?: boolean
  /** Marks each point with a dot. Default: only in series of up to 12 points. */
  readonly dots?: boolean
}

export interface LineChartOptions {
  readonly title: string
  readonly series: readonly ChartSeries[]
  readonly x?: AxisOptions & { readonly label?: string }
  readonly y?: AxisOptions & { readonly label?: string }
  /** A level to compare with, drawn across the chart: chance, a target. */
  readonly reference?: { readonly y: number; readonly label: string }
  /** One sentence under the chart. */
  readonly note?: string
}

const width = 480
const height = 270
const margin = { left: 58, right: 14, top: 12, bottom: 42 }
const plotWidth = width - margin.left - margin.right
const plotHeight = height - margin.top - margin.bottom
/** More points than this are not told apart at the chart's width. */
const maximumPoints = 600
/** Colours that the page defines: `--series-0` and on. */
const colours = 6

const smooth = (points: readonly ChartPoint[], over: number): ChartPoint[] => {
  const keep = 1 - 1 / Math.max(1, over)
  let mean = 0
  let weight = 0
  return points.map(({ x, y }) => {
    if (Number.isFinite(y)) {
      mean = keep * mean + (1 - keep) * y
      weight = keep * weight + (1 - keep)
    }
    return { x, y: weight === 0 ? Number.NaN : mean / weight }
  })
}

/** Means over runs of neighbours, so that a long series keeps its shape in few points; its last point stays. */
const thin = (points: readonly ChartPoint[]): readonly ChartPoint[] => {
  if (points.length <= maximumPoints) return points
  const size = Math.ceil(points.length / maximumPoints)
  const thinned: ChartPoint[] = []
  for (let start = 0; start < points.length - 1; start += size) {
    const run = points.slice(start, Math.min(start + size, points.length - 1))
    const finite = run.filter((point) => Number.isFinite(point.y))
    const mean = (read: (point: ChartPoint) => number, of: readonly ChartPoint[]) =>
      of.reduce((sum, point) => sum + read(point), 0) / of.length
    thinned.push({ x: mean((point) => point.x, run), y: mean((point) => point.y, finite) })
  }
  thinned.push(points.at(-1)!)
  return thinned
}

const toPixels = (x: Axis, y: Axis) => (point: ChartPoint) => ({
  left: margin.left + x.position(point.x) * plotWidth,
  top: margin.top + (1 - y.position(point.y)) * plotHeight,
})

const drawable = (axis: Axis, value: number): boolean =>
  Number.isFinite(value) && (axis.scale === 'linear' || value > 0)

/** SVG path through the points; a value that cannot be drawn (NaN, infinite, not above 0 on a log axis) breaks the line. */
const linePath = (points: readonly ChartPoint[], x: Axis, y: Axis): string => {
  const place = toPixels(x, y)
  let pen = false
  let path = ''
  for (const point of points) {
    if (!drawable(x, point.x) || !drawable(y, point.y)) {
      pen = false
      continue
    }
    const { left, top } = place(point)
    path += `${pen ? 'L' : 'M'}${left.toFixed(1)} ${top.toFixed(1)}`
    pen = true
  }
  return path
}

const drawAxes = (x: Axis, y: Axis, options: LineChartOptions): Html[] => {
  const place = toPixels(x, y)
  const bottom = margin.top + plotHeight
  const parts = y.ticks.map((tick) => {
    const top = place({ x: x.low, y: tick }).top.toFixed(1)
    return html`<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${top}" y2="${top}"/><text class="tick" x="${margin.left - 7}" y="${top}" dy="0.35em" text-anchor="end">${formatNumber(tick)}</text>`
  })
  for (const tick of x.ticks) {
    const left = place({ x: tick, y: y.low }).left.toFixed(1)
    parts.push(
      html`<line class="axis" x1="${left}" x2="${left}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${left}" y="${bottom + 17}" text-anchor="middle">${formatNumber(tick)}</text>`,
    )
  }
  parts.push(html`<line class="axis" x1="${margin.left}" x2="${width - margin.right}" y1="${bottom}" y2="${bottom}"/>`)
  if (options.x?.label) {
    parts.push(
      html`<text class="label" x="${margin.left + plotWidth / 2}" y="${height - 6}" text-anchor="middle">${options.x.label}</text>`,
    )
  }
  if (options.y?.label) {
    const middle = margin.top + plotHeight / 2
    parts.push(
      html`<text class="label" transform="translate(13 ${middle}) rotate(-90)" text-anchor="middle">${options.y.label}</text>`,
    )
  }
  return parts
}

const drawSeries = (series: ChartSeries, index: number, x: Axis, y: Axis): Html => {
  const colour = rawHtml(`style="--colour: var(--series-${index % colours})"`)
  const line = thin(series.smoothing ? smooth(series.points, series.smoothing) : series.points)
  const faint = series.smoothing
    ? html`<path class="line faint" ${colour} d="${linePath(thin(series.points), x, y)}"/>`
    : null
  const dashes = series.dashed ? rawHtml(' stroke-dasharray="5 4"') : null
  const place = toPixels(x, y)
  const dots =
    (series.dots ?? line.length <= 12)
      ? line
          .filter((point) => drawable(x, point.x) && drawable(y, point.y))
          .map((point) => {
            const { left, top } = place(point)
            return html`<circle class="dot" ${colour} cx="${left.toFixed(1)}" cy="${top.toFixed(1)}" r="3"><title>${series.name}: ${formatNumber(point.y)} at ${formatNumber(point.x)}</title></circle>`
          })
      : null
  return html`${faint}<path class="line" ${colour}${dashes} d="${linePath(line, x, y)}"/>${dots}`
}

const legend = (options: LineChartOptions): Html => {
  const items = options.series.map((series, index) => {
    const last = (series.smoothing ? smooth(series.points, series.smoothing) : series.points)
      .filter((point) => Number.isFinite(point.y))
      .at(-1)
    return html`<li><span class="key" style="background: var(--series-${index % colours})"></span>${series.name} <b>${last ? formatNumber(last.y) : 'no values'}</b></li>`
  })
  return html`<ul class="legend">${items}</ul>`
}

/** A line chart as a figure with inline SVG. The legend gives each series' last value. */
export const lineChart = (options: LineChartOptions): Html => {
  const points = options.series.flatMap((series) => series.points)
  const x = makeAxis(
    points.map((point) => point.x),
    { tickCount: 6, max: maximum(points, options.x?.scale), ...options.x },
  )
  const levels = points.map((point) => point.y)
  if (options.reference) levels.push(options.reference.y)
  const y = makeAxis(levels, options.y)
  const reference =
    options.reference && drawable(y, options.reference.y)
      ? (() => {
          const top = toPixels(x, y)({ x: x.low, y: options.reference.y }).top
          return html`<line class="reference" x1="${margin.left}" x2="${width - margin.right}" y1="${top.toFixed(1)}" y2="${top.toFixed(1)}"/><text class="tick" x="${width - margin.right - 2}" y="${(top - 5).toFixed(1)}" text-anchor="end">${options.reference.label}</text>`
        })()
      : null
  return html`<figure class="chart"><figcaption>${options.title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${options.title}">${drawAxes(x, y, options)}${reference}${options.series.map((series, index) => drawSeries(series, index, x, y))}</svg>${legend(options)}${options.note ? html`<p class="note">${options.note}</p>` : null}</figure>`
}

/** The right end of a linear x axis stays at the last point, so that a curve fills its chart. */
const maximum = (points: readonly ChartPoint[], scale: AxisOptions['scale']): number | undefined => {
  const highest = points.reduce(
    (high, point) => (Number.isFinite(point.x) && point.x > high ? point.x : high),
    Number.NEGATIVE_INFINITY,
  )
  return scale === 'log' || highest === Number.NEGATIVE_INFINITY ? undefined : highest
}
