/** How a chart's axis turns values into positions. */
export interface Axis {
  readonly scale: 'linear' | 'log'
  readonly low: number
  readonly high: number
  readonly ticks: readonly number[]
  /** Position of a value: 0 at `low`, 1 at `high`. */
  position(value: number): number
}

export interface AxisOptions {
  /** Default 'linear'. A log axis leaves out values of 0 and below. */
  readonly scale?: 'linear' | 'log'
  /** Lowest value shown. Default: from the values. */
  readonly min?: number
  /** Highest value shown. Default: from the values. */
  readonly max?: number
  /** How many ticks to aim at. Default 5. */
  readonly tickCount?: number
}

/** The step among 1, 2, 2.5 and 5 times a power of ten that cuts `span` into about `count` parts. */
const niceStep = (span: number, count: number): number => {
  const rough = span / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10
  return factor * power
}

const linearTicks = (low: number, high: number, step: number): number[] => {
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  // `+ 0` turns -0 into 0.
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)) + 0)
}

const linearAxis = (low: number, high: number, options: AxisOptions): Axis => {
  const size = Math.max(Math.abs(low), Math.abs(high))
  // Values that floating point can hardly tell apart are shown as one.
  if (high - low <= Math.max(size * 1e-12, 1e-290)) {
    const padding = size < 1e-290 ? 1 : size / 2
    if (options.min === undefined) low -= padding
    if (options.max === undefined || high - low < padding) high = low + 2 * padding
  }
  const step = niceStep(high - low, options.tickCount ?? 5)
  if (options.min === undefined) low = Math.floor(low / step + 1e-9) * step
  if (options.max === undefined) high = Math.ceil(high / step - 1e-9) * step
  return {
    scale: 'linear',
    low,
    high,
    ticks: linearTicks(low, high, step),
    position: (value) => (value - low) / (high - low),
  }
}

const logAxis = (low: number, high: number, options: AxisOptions): Axis => {
  if (options.min === undefined) low = 10 ** Math.floor(Math.log10(low) + 1e-9)
  if (options.max === undefined) high = 10 ** Math.ceil(Math.log10(high) - 1e-9)
  if (!(low < high)) high = low * 10
  const first = Math.ceil(Math.log10(low) - 1e-9)
  const last = Math.floor(Math.log10(high) + 1e-9)
  const every = Math.max(1, Math.ceil((last - first) / (options.tickCount ?? 5)))
  const ticks: number[] = []
  for (let exponent = first; exponent <= last; exponent += every) ticks.push(Number(`1e${exponent}`))
  const span = Math.log10(high) - Math.log10(low)
  return {
    scale: 'log',
    low,
    high,
    ticks,
    position: (value) => (Math.log10(value) - Math.log10(low)) / span,
  }
}

/** An axis that holds all finite values (above 0, on a log axis), with round ticks. No values: from 0 to 1 (log: 1 to 10). */
export const makeAxis = (values: Iterable<number>, options: AxisOptions = {}): Axis => {
  const log = options.scale === 'log'
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  if (low > high) {
    low = log ? 1 : 0
    high = log ? 10 : 1
  }
  low = options.min ?? low
  high = options.max ?? high
  if (high < low) high = low
  return log ? logAxis(low, high, options) : linearAxis(low, high, options)
}

/** A number as a reader wants it on a page: at most four significant digits, thousands in groups, powers of ten when far from 1. */
export const formatNumber = (value: number): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) {
    const [mantissa, exponent] = value.toExponential(2).split('e') as [string, string]
    const short = String(Number(mantissa)).replace('-', '−')
    const raised = [...String(Number(exponent))]
      .map((digit) => (digit === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]))
      .join('')
    return short === '1' ? `10${raised}` : `${short}·10${raised}`
  }
  const rounded = size >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 6 }).replace('-', '−')
}
