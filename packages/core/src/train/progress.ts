import type { StepMetrics } from './monitor'

/** Where a run stands, given after each step whose metrics have arrived. */
export interface TrainingProgress {
  readonly step: number
  readonly maxSteps: number
  /** Epoch of the step's last batch, from 0. */
  readonly epoch: number
  /** The metrics of this step. */
  readonly metrics: StepMetrics
  /** Over the last few steps. */
  readonly stepsPerSecond: number
  /** Seconds of audio trained on in a second, where the data source knows its lengths. */
  readonly audioSecondsPerSecond?: number
  /** Seconds until `maxSteps` at this speed. */
  readonly etaSeconds: number
  /** Share of the time since the last log record, 0 to 1, in which the engine waited for data. */
  readonly dataWaitShare: number
}

/** Told of a run's progress. `note` gets lines for people (warnings, checkpoints, how to resume), `finish` the end of the run. */
export interface ProgressListener {
  (progress: TrainingProgress): void
  note?(text: string): void
  finish?(): void
}

/** The part of a `NodeJS.WriteStream` that the progress bar needs. */
export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface TerminalProgressOptions {
  /** Default: standard error. */
  readonly stream?: ProgressStream
  /** Seconds between plain lines where the stream is not a terminal. Default 10. */
  readonly plainSeconds?: number
  /** Seconds between redraws on a terminal. Default 0.1. */
  readonly redrawSeconds?: number
  /** Clock in milliseconds, for tests. */
  readonly now?: () => number
}

/** 4 significant digits, without an exponent where that is readable. */
const short = (value: number | undefined): string => {
  if (value === undefined) return '-'
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4)))
}

/** `75` is 1:15; with hours, `3675` is 1:01:15. */
export const formatDuration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return '-:--'
  const whole = Math.max(0, Math.round(seconds))
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const shown = parts[0] === 0 ? parts.slice(1) : parts
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

/** One line about a run's progress. */
export const formatProgress = (progress: TrainingProgress): string => {
  const { step, maxSteps, metrics, stepsPerSecond, audioSecondsPerSecond, etaSeconds, dataWaitShare } = progress
  const speed =
    audioSecondsPerSecond === undefined
      ? `${short(stepsPerSecond)} steps/s`
      : `${short(audioSecondsPerSecond)} s audio/s`
  const parts = [
    `step ${step}/${maxSteps}`,
    `loss ${short(metrics.loss)}`,
    `lr ${short(metrics.learningRate)}`,
    speed,
    `ETA ${formatDuration(etaSeconds)}`,
  ]
  parts.push(`data wait ${(dataWaitShare * 100).toFixed(1)} %`)
  return parts.join(' | ')
}

const bar = (share: number, width: number): string => {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width)
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`
}

/**
 * A progress bar for terminals: step, loss, learning rate, speed and time left, redrawn in place. Where the stream is no
 * terminal it writes a plain line every few seconds.
 */
export const terminalProgress = (options: TerminalProgressOptions = {}): ProgressListener => {
  const { stream = process.stderr, plainSeconds = 10, redrawSeconds = 0.1, now = () => performance.now() } = options
  const interactive = stream.isTTY === true
  const interval = (interactive ? redrawSeconds : plainSeconds) * 1000
  const clear = '\r\u001b[2K'
  let last: TrainingProgress | undefined
  let shown: number | undefined
  let shownStep = 0
  const draw = (progress: TrainingProgress) => {
    shown = now()
    shownStep = progress.step
    const line = formatProgress(progress)
    if (!interactive) {
      stream.write(`${line}\n`)
      return
    }
    const width = (stream.columns ?? 80) - 1
    const room = Math.min(24, width - line.length - 3)
    const text = room >= 8 ? `${bar(progress.step / progress.maxSteps, room)} ${line}` : line
    stream.write(clear + text.slice(0, width))
  }
  const listener = (progress: TrainingProgress) => {
    last = progress
    if (shown === undefined || now() - shown >= interval) draw(progress)
  }
  return Object.assign(listener, {
    note: (text: string) => {
      stream.write(interactive ? `${clear}${text}\n` : `${text}\n`)
      if (interactive && last) draw(last)
    },
    finish: () => {
      if (last && shownStep !== last.step) draw(last)
      if (interactive && last) stream.write('\n')
    },
  })
}
