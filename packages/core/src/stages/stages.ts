import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError } from '../errors'
import { formatDuration } from '../train/progress'
import { RunLock } from '../train/run-lock'
import { differences } from './differences'
import { plainObject } from './plain-json'
import type { FinishedStage, Stage, StageContext, StageListener } from './stage'
import {
  checkStageName,
  discard,
  findStages,
  makeStageFolder,
  putAside,
  removeLeftovers,
  SUMMARY_FILE,
  sealFiles,
  stageFile,
  stageFolders,
  withReaders,
  writeSummary,
} from './stage-folder'
import {
  identityFingerprint,
  readRecord,
  readStart,
  START_FILE,
  type StageIdentity,
  type StageRecord,
  type StageStart,
  writeRecord,
  writeStart,
} from './stage-record'
import { type StagesSummary, summaryOf } from './summary'

export interface OpenStagesOptions {
  /** Default: nobody is told. */
  readonly listener?: StageListener
  readonly signal?: AbortSignal
  /** A stage to do again, with all that read what it made; what there was of them is put aside. */
  readonly from?: string
  /** Put all stages aside and begin anew. */
  readonly fresh?: boolean
}

/**
 * Opens a folder for a recipe of several stages, and locks it until it is closed. Each stage is done once: a later process finds it
 * complete and goes on with the next.
 *
 * @throws TrainingError when another process works in the folder; ConfigError for a `from` that is no stage there.
 */
export const openStages = async (directory: string, options: OpenStagesOptions = {}): Promise<Stages> => {
  const { from, fresh = false, listener } = options
  if (fresh && from !== undefined) {
    throw new ConfigError('"fresh" does all stages again, "from" some of them.', { field: 'from', cure: 'Use one.' })
  }
  const folder = resolve(directory)
  await mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST' && cause.code !== 'ENOTDIR') throw cause
    throw new ConfigError('there is a file in its place.', { file: folder, cause, cure: 'Name another folder.' })
  })
  const lock = await RunLock.take(folder)
  try {
    await removeLeftovers(folder)
    const redone = fresh
      ? await stageFolders(folder)
      : from === undefined
        ? []
        : withReaders(await findStages(folder), from)
    const summary = fresh && existsSync(join(folder, SUMMARY_FILE)) ? [SUMMARY_FILE] : []
    const aside = await putAside(folder, [...redone, ...summary])
    if (aside !== undefined) listener?.note(`Put aside in ${aside}: ${redone.join(', ')}.`)
    return new Stages(folder, lock, options)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** A recipe's stages in a folder. */
export class Stages {
  /** Absolute. */
  readonly directory: string
  readonly #lock: RunLock
  readonly #listener: StageListener
  readonly #signal: AbortSignal | undefined
  /** Stages asked for so far, in order. */
  readonly #done = new Map<string, StageRecord>()
  readonly #handles = new WeakSet<FinishedStage<object>>()
  #running: { readonly name: string; readonly ended: Promise<unknown> } | undefined
  #closed = false

  /** @internal Use {@link openStages}. */
  constructor(directory: string, lock: RunLock, { listener, signal }: OpenStagesOptions) {
    this.directory = directory
    this.#lock = lock
    this.#listener = listener ?? { note: () => {}, progress: () => {} }
    this.#signal = signal
  }

  /**
   * Does a stage, or finds that it has been done with the same inputs.
   *
   * A stage that did not come to its end is done again from the beginning, or goes on where it is `resumable`.
   *
   * @throws ConfigError when it was done with other inputs, saying which; whatever its `run` throws.
   */
  async stage<Result extends object>(stage: Stage<Result>): Promise<FinishedStage<Result>> {
    const { name, title = name } = stage
    checkStageName(name)
    if (this.#closed) throw new ConfigError('the stages have been closed.', { file: this.directory })
    if (this.#running !== undefined) {
      throw new ConfigError(`the stage "${this.#running.name}" has not ended yet.`, {
        field: name,
        cure: 'Wait for one stage before the next.',
      })
    }
    if (this.#done.has(name)) {
      throw new ConfigError(`there are two stages "${name}".`, { field: 'name', cure: 'Give each a name of its own.' })
    }
    this.#signal?.throwIfAborted()
    const work = this.#run(stage, title)
    // Whoever asked for the stage is told of its failure.
    this.#running = { name, ended: work.catch(() => {}) }
    try {
      return await work
    } finally {
      this.#running = undefined
    }
  }

  /** The stages that are complete: those asked for in order, then others that are in the folder. */
  async summary(): Promise<StagesSummary> {
    const others = (await findStages(this.directory)).filter(({ name }) => !this.#done.has(name))
    return summaryOf([...this.#done.values(), ...others.flatMap(({ record }) => (record ? [record] : []))])
  }

  /** Waits for the stage that is being done, and lets others use the folder. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running?.ended
    await this.#lock.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run<Result extends object>(stage: Stage<Result>, title: string): Promise<FinishedStage<Result>> {
    const { name } = stage
    const identity = this.#identityOf(stage)
    const found = await readRecord(join(this.directory, name))
    if (found) {
      this.#refuseOther('done', name, found, identity)
      this.#listener.note(`${title}: done before, in ${formatDuration(found.seconds)} (${name}).`)
    }
    const record = found ?? (await this.#work(stage, title, identity))
    await rm(join(this.directory, name, START_FILE), { force: true })
    this.#done.set(name, record)
    await writeSummary(this.directory, await this.summary())
    return this.#finished<Result>(record, found !== undefined)
  }

  #identityOf({ inputs, reads = [] }: Stage<object>): StageIdentity {
    for (const read of reads) {
      if (this.#handles.has(read)) continue
      throw new ConfigError(`"${read.name}" is no stage of this folder.`, {
        field: 'reads',
        cure: 'Give what stage() returned.',
      })
    }
    return { inputs: plainObject(inputs, 'inputs'), reads: Object.fromEntries(reads.map(({ name, id }) => [name, id])) }
  }

  async #work(stage: Stage<object>, title: string, identity: StageIdentity): Promise<StageRecord> {
    const { name, resumable = false } = stage
    const directory = join(this.directory, name)
    const before = await this.#prepare(name, resumable, identity)
    const start: StageStart = {
      format: 1,
      name,
      title,
      ...identity,
      fingerprint: identityFingerprint(identity),
      startedAt: before?.startedAt ?? new Date().toISOString(),
      attempts: (before?.attempts ?? 0) + 1,
      seconds: before?.seconds ?? 0,
    }
    if (before) await writeStart(directory, start)
    else await makeStageFolder(this.directory, name, (folder) => writeStart(folder, start))
    this.#listener.note(`${title}: ${before ? 'goes on' : 'begins'} (${name}).`)
    const began = performance.now()
    const seconds = () => start.seconds + (performance.now() - began) / 1000
    const context: StageContext = {
      directory,
      resumes: before !== undefined,
      note: (text) => this.#listener.note(text),
      progress: (activity, done, total) => this.#listener.progress(activity, done, total),
      ...(this.#signal && { signal: this.#signal }),
    }
    try {
      const result = plainObject(await stage.run(context), 'result')
      // Work that was told to stop may return what it has.
      this.#signal?.throwIfAborted()
      const files = await sealFiles(directory)
      const finishedAt = new Date().toISOString()
      const record = await writeRecord(directory, { ...start, seconds: seconds(), finishedAt, result, files })
      this.#listener.note(`${title}: done in ${formatDuration(record.seconds)} (${name}).`)
      return record
    } catch (error) {
      // The time is only for people; what went wrong must not be hidden by what goes wrong here.
      await writeStart(directory, { ...start, seconds: seconds() }).catch(() => undefined)
      throw error
    }
  }

  /** Makes a stage's folder ready. @returns what an attempt left that is to go on. */
  async #prepare(name: string, resumable: boolean, identity: StageIdentity): Promise<StageStart | undefined> {
    const directory = join(this.directory, name)
    if (!existsSync(directory)) return undefined
    const start = await readStart(directory)
    if (!start) {
      if ((await readdir(directory)).length === 0) return undefined
      throw new ConfigError('the folder holds files, but no stage has made them.', {
        file: directory,
        field: 'name',
        cure: 'Move it away, or take another folder for the run.',
      })
    }
    if (resumable) {
      this.#refuseOther('begun', name, start, identity)
      await removeLeftovers(directory)
      return start
    }
    await discard(this.directory, name)
    return undefined
  }

  #refuseOther(state: 'done' | 'begun', name: string, before: StageStart | StageRecord, now: StageIdentity): void {
    if (before.fingerprint === identityFingerprint(now)) return
    const changes = differences(before.inputs, now.inputs)
    for (const read of new Set([...Object.keys(before.reads), ...Object.keys(now.reads)])) {
      if (before.reads[read] === now.reads[read]) continue
      changes.push(
        before.reads[read] === undefined
          ? `it did not read the stage "${read}", and does now`
          : now.reads[read] === undefined
            ? `it read the stage "${read}", and does not now`
            : `the stage "${read}", which it reads, has been done again since`,
      )
    }
    throw new ConfigError(
      `the stage was ${state} with other inputs:${changes.map((line) => `\n  ${line}`).join('')}\n`,
      {
        file: join(this.directory, name),
        field: 'inputs',
        cure:
          `Give the same, take another folder, do this stage and what follows from it again with --from ${name} (from: '${name}'), ` +
          'or all with --fresh (fresh: true); what there is, is put aside.',
      },
    )
  }

  #finished<Result extends object>(record: StageRecord, reused: boolean): FinishedStage<Result> {
    const { name, title, seconds, id } = record
    const directory = join(this.directory, name)
    const finished: FinishedStage<Result> = {
      name,
      title,
      directory,
      // As JSON gave it back, whether it was made now or before.
      result: record.result as unknown as Result,
      reused,
      seconds,
      id,
      file: (file) => stageFile(directory, record, file),
    }
    this.#handles.add(finished)
    return finished
  }
}

/** The complete stages in a folder, whoever works in it: for reports. */
export const readStages = async (directory: string): Promise<StagesSummary> =>
  summaryOf((await findStages(directory)).flatMap(({ record }) => (record ? [record] : [])))
