import { join } from 'node:path'
import { encodeWav } from '../audio/index'
import { writeFileAtomic } from '../checkpoint/index'
import {
  audioValue,
  EventFile,
  hyperParametersValue,
  type RecordingCardOptions,
  scalarValue,
  textValue,
  trainingReport,
} from '../report/index'
import { describeOptions } from './check-options'
import type { TrainerState } from './checkpoint'
import { describeEnvironment } from './environment'
import { MetricWindow } from './metric-window'
import type { StepMetrics, TrainingWarning } from './monitor'
import type { RankedCheckpoint } from './retention'
import { type MetricsRecord, RunLog } from './run-log'
import { SpeedMeter } from './speed-meter'
import type { TrainerOptions } from './trainer-options'

/** Names of what a recorder keeps in a run's folder, beside the log. */
export const TENSORBOARD_FOLDER = 'tensorboard'
export const REPORT_FILE = 'report.html'

type Best = (RankedCheckpoint & { readonly metric: string }) | undefined

/** A step whose metrics have arrived. */
export interface FinishedStep {
  readonly step: number
  readonly epoch: number
  readonly metrics: StepMetrics
  readonly audioSeconds: number | undefined
}

/** Takes a run's numbers to its log, to TensorBoard, to the report and to whoever shows its progress. */
export class Recorder {
  readonly log: RunLog
  readonly #options: TrainerOptions
  /** Seconds that the engine has waited for data in this session. */
  readonly #waitSeconds: () => number
  readonly #window = new MetricWindow()
  readonly #speed = new SpeedMeter()
  #events: EventFile | undefined
  /** Seconds of training that this trainer's clock has not seen: those of earlier processes. */
  #secondsBefore = 0
  /** Where the current window began. */
  #windowStart = { seconds: 0, waited: 0 }
  #samples: readonly RecordingCardOptions[] = []

  constructor(options: TrainerOptions, waitSeconds: () => number) {
    this.#options = options
    this.#waitSeconds = waitSeconds
    this.log = new RunLog(options.runDirectory)
  }

  /** The run's `train` and `evaluation` records from its first step on. */
  get history(): readonly MetricsRecord[] {
    return this.log.records.filter((record) => record.kind !== 'warning')
  }

  /** Goes on from a checkpoint, or begins a run, and notes what is run on what. */
  async open(state: TrainerState | undefined): Promise<void> {
    await this.log.resumeAt(state?.step ?? 0, state?.logRecords)
    const config = describeOptions(this.#options)
    const { objective, data, seed, maxSteps } = config
    await this.log.configure(config, describeEnvironment())
    await this.log.describe({
      ...this.#options.runInfo,
      ...{ objective, data, seed, maxSteps },
      parameters: [...this.#options.model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0),
      status: 'running',
      // Of an earlier session.
      error: undefined,
      finishedAt: undefined,
      sessions: [
        ...((this.log.info.sessions as unknown[]) ?? []),
        { startedAt: new Date().toISOString(), fromStep: state?.step ?? 0 },
      ],
    })
    this.#openEvents(state, config)
    if (state) {
      // The clock goes on from session to session of one trainer, whose time the checkpoint has counted already.
      this.#secondsBefore = state.seconds - this.#speed.seconds
      this.#window.restore(state.window)
    }
  }

  #openEvents(state: TrainerState | undefined, config: Readonly<Record<string, unknown>>): void {
    const { runDirectory, tensorBoard = true } = this.#options
    if (runDirectory === undefined || !tensorBoard) return
    this.#events = new EventFile(join(runDirectory, TENSORBOARD_FOLDER), state ? { purgeStep: state.step + 1 } : {})
    if (state) return
    const settings = Object.entries(config).filter(([, value]) => typeof value !== 'object') as [
      string,
      string | number,
    ][]
    this.#events.write(0, [
      textValue('config', `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``),
      hyperParametersValue(Object.fromEntries(settings), Math.floor(Date.now() / 1000)),
    ])
  }

  /** The clock runs; evaluations and checkpoints are not timed. */
  start(): void {
    this.#speed.start()
  }

  pause(): void {
    this.#speed.pause()
  }

  /** Takes in a step, and logs the averages since the last record where one is due. */
  step({ step, epoch, metrics, audioSeconds }: FinishedStep): void {
    this.#speed.add(audioSeconds)
    this.#window.add(metrics)
    const { logEvery = 10, maxSteps, onProgress } = this.#options
    const speed = this.#speed.speed()
    const dataWaitShare = this.#dataWait()
    onProgress?.({
      step,
      maxSteps,
      epoch,
      metrics,
      ...speed,
      etaSeconds: (maxSteps - step) / speed.stepsPerSecond,
      dataWaitShare,
    })
    if (step % logEvery === 0) this.#drain(step, epoch, { learningRate: metrics.learningRate! })
  }

  /** Logs what is left since the last record. */
  finish(step: number, epoch: number): void {
    if (this.#window.steps > 0) this.#drain(step, epoch, {})
  }

  evaluation(
    step: number,
    epoch: number,
    metrics: Record<string, number>,
    samples: readonly RecordingCardOptions[],
  ): void {
    this.#record('evaluation', step, epoch, metrics)
    if (samples.length === 0) return
    this.#samples = samples
    this.#events?.write(
      step,
      samples.map(({ waveform, sampleRate }, index) =>
        audioValue(`samples/${index + 1}`, {
          wav: encodeWav(waveform, sampleRate),
          sampleRate,
          channels: 1,
          length: waveform.length,
        }),
      ),
    )
    const texts = samples.map(({ title, reference, hypothesis }) => {
      const lines = Object.entries({ title, said: reference, heard: hypothesis }).filter(
        ([, text]) => text !== undefined,
      )
      return lines.map(([name, text]) => `${name}: ${text}`).join('\n\n')
    })
    this.#events?.write(
      step,
      texts.flatMap((text, index) => (text === '' ? [] : [textValue(`transcripts/${index + 1}`, text)])),
    )
  }

  warning(warning: TrainingWarning): void {
    this.log.append({ kind: 'warning', ...warning })
  }

  /** Makes what was logged survive a power cut. */
  flush(): void {
    this.log.flush()
    this.#events?.flush()
  }

  /** Notes how the run, or this session of it, has ended. */
  async end(
    outcome: { readonly status: string; readonly step: number; readonly error?: string },
    best: Best,
  ): Promise<void> {
    await this.log.describe({ ...outcome, finishedAt: new Date().toISOString() })
    await this.report(best)
  }

  /** Writes `report.html`. */
  async report(best: Best): Promise<void> {
    const { runDirectory, report = true, objective, data, title = objective.name } = this.#options
    if (runDirectory === undefined || !report) return
    const { status } = this.log.info
    const page = trainingReport({
      title,
      subtitle: `${objective.name} on ${data.name}`,
      records: this.log.records,
      samples: this.#samples,
      ...this.log.settings,
      ...(typeof status === 'string' ? { status } : {}),
      ...(best === undefined ? {} : { best }),
    })
    await writeFileAtomic(join(runDirectory, REPORT_FILE), page)
  }

  close(): void {
    this.#events?.close()
    this.#events = undefined
    this.#speed.pause()
  }

  state(): Pick<TrainerState, 'logRecords' | 'seconds' | 'window'> {
    return { logRecords: this.log.records.length, seconds: this.#seconds(), window: this.#window.state() }
  }

  #drain(step: number, epoch: number, extra: Record<string, number>): void {
    const metrics = { ...this.#window.drain(), ...extra, ...this.#speed.speed(), dataWait: this.#dataWait() }
    this.#windowStart = { seconds: this.#speed.seconds, waited: this.#waitSeconds() }
    this.#record('train', step, epoch, metrics)
  }

  /** Share of the time since the last record in which the engine waited for data. */
  #dataWait(): number {
    const seconds = this.#speed.seconds - this.#windowStart.seconds
    return seconds <= 0 ? 0 : Math.min(1, (this.#waitSeconds() - this.#windowStart.waited) / seconds)
  }

  #seconds(): number {
    return this.#secondsBefore + this.#speed.seconds
  }

  #record(kind: MetricsRecord['kind'], step: number, epoch: number, metrics: Record<string, number>): void {
    this.log.append({ kind, step, epoch, seconds: this.#seconds(), metrics })
    this.#events?.write(
      step,
      Object.entries(metrics).map(([name, value]) => scalarValue(`${kind}/${name}`, value)),
    )
  }
}
