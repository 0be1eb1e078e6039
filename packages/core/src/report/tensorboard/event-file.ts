import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { maskedCrc32c } from './crc32c'
import { bytes, double, integer, message } from './protobuf'
import type { SummaryValue } from './summary'

/** A TFRecord: length, its CRC, the data, its CRC. */
export const tfRecord = (data: Uint8Array): Uint8Array => {
  const record = new Uint8Array(16 + data.length)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc32c(data), true)
  return record
}

/** A `tensorflow.Event` with some values of one step. */
export const summaryEvent = (wallTime: number, step: number, values: readonly SummaryValue[]): Uint8Array =>
  message(
    double(1, wallTime),
    step === 0 ? undefined : integer(2, step),
    bytes(5, message(...values.map((value) => bytes(1, value)))),
  )

/** The event that a file begins with. */
export const versionEvent = (wallTime: number): Uint8Array => message(double(1, wallTime), bytes(3, 'brain.Event:2'))

/** The event at which TensorBoard drops what earlier files say of this step and of those after it. */
export const restartEvent = (wallTime: number, step: number): Uint8Array => {
  const start = 1
  return message(double(1, wallTime), step === 0 ? undefined : integer(2, step), bytes(7, message(integer(1, start))))
}

export interface EventFileOptions {
  /** The first step that this file tells of, where earlier files may hold it already: theirs are dropped from there on. */
  readonly purgeStep?: number
  /** Seconds since 1970, for tests. */
  readonly now?: () => number
}

/**
 * The time in the name of the latest event file. TensorBoard takes the files of a folder in the order of their names, which sessions
 * that follow each other within a second, or a clock that was set back, would confuse.
 */
const lastStart = (directory: string): number =>
  Math.max(
    0,
    ...readdirSync(directory).map((name) => Number(/^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1] ?? 0)),
  )

/**
 * An event file of TensorBoard: show the folder, or one above it, by `tensorboard --logdir`. Each session of a run writes a file of its
 * own; TensorBoard joins them.
 */
export class EventFile {
  readonly path: string
  readonly #now: () => number
  #file: number | undefined

  constructor(directory: string, options: EventFileOptions = {}) {
    this.#now = options.now ?? (() => Date.now() / 1000)
    mkdirSync(directory, { recursive: true })
    const started = String(Math.max(Math.floor(this.#now()), lastStart(directory) + 1)).padStart(10, '0')
    const host = hostname().replace(/[^A-Za-z0-9-]/g, '_')
    this.path = join(directory, `events.out.tfevents.${started}.${host}.${process.pid}`)
    this.#file = openSync(this.path, 'wx')
    this.#append(versionEvent(this.#now()))
    if (options.purgeStep !== undefined) this.#append(restartEvent(this.#now(), options.purgeStep))
  }

  /** Writes values of one step. */
  write(step: number, values: readonly SummaryValue[]): void {
    if (values.length > 0) this.#append(summaryEvent(this.#now(), step, values))
  }

  /** Makes what was written survive a power cut. */
  flush(): void {
    if (this.#file !== undefined) fsyncSync(this.#file)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #append(event: Uint8Array): void {
    if (this.#file === undefined) return
    const record = tfRecord(event)
    for (let done = 0; done < record.length; ) done += writeSync(this.#file, record, done)
  }
}
