import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ConfigError, DataError } from '../errors'
import { type DecodeTask, decodeClip } from './decode-clip'
import type { DecodeReply, DecodeRequest } from './decode-thread'
import { sourceLoader } from './source-loader'
import { fromFailure } from './thread-failure'

export interface DecodePoolOptions {
  /**
   * Threads that decode; 0 decodes on the calling thread. Default: one for each core but one, at least one and at most four.
   */
  readonly threads?: number
}

/** Tasks that a thread is given at a time: one at work, one so that it need not wait for the next. */
const tasksPerThread = 2

interface Job {
  readonly task: DecodeTask
  readonly resolve: (samples: Float32Array) => void
  readonly reject: (error: unknown) => void
  isOver: boolean
}

interface Thread {
  readonly worker: Worker
  /** In the order that they were sent. */
  readonly jobs: Map<number, Job>
}

/**
 * Threads that read, decode, resample and crop recordings, so that the thread that feeds the engine need not. They start when there is
 * something to do, keep the process alive only while there is, and start again after {@link close}. Results come over without being
 * copied.
 */
export class DecodePool {
  /** Most threads; 0 where the calling thread decodes. */
  readonly threads: number
  readonly #threads = new Set<Thread>()
  readonly #waiting = new Set<Job>()
  #nextId = 0

  /** @throws ConfigError for a number of threads that is none. */
  constructor(options: DecodePoolOptions = {}) {
    const { threads = Math.min(4, Math.max(1, availableParallelism() - 1)) } = options
    if (!(Number.isInteger(threads) && threads >= 0))
      throw new ConfigError(`threads is ${threads}.`, { field: 'threads' })
    this.threads = threadProgram() === undefined ? 0 : threads
  }

  /** Recordings that are being decoded or wait for it. */
  get pending(): number {
    return this.#waiting.size + [...this.#threads].reduce((sum, { jobs }) => sum + jobs.size, 0)
  }

  /**
   * @param signal Gives the recording up; one that waits is not read at all.
   * @throws AudioError or DataError naming the file; the signal's reason when it is given up.
   */
  decode(task: DecodeTask, signal?: AbortSignal): Promise<Float32Array> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.threads === 0) return decodeClip(task)
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(job)
        job.reject(signal!.reason)
      }
      const settle =
        <T>(callback: (value: T) => void) =>
        (value: T) => {
          if (job.isOver) return
          job.isOver = true
          signal?.removeEventListener('abort', onAbort)
          callback(value)
        }
      const job: Job = { task, resolve: settle(resolve), reject: settle(reject), isOver: false }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(job)
      this.#dispatch()
    })
  }

  /** Ends the threads; whatever is still being decoded is given up with a DataError. */
  async close(): Promise<void> {
    const threads = [...this.#threads]
    const jobs = [...this.#waiting, ...threads.flatMap(({ jobs }) => [...jobs.values()])]
    this.#waiting.clear()
    this.#threads.clear()
    for (const { task, reject } of jobs) reject(new DataError('decoding was given up.', { file: task.file }))
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #dispatch(): void {
    for (const job of this.#waiting) {
      const thread = this.#free()
      if (!thread) return
      this.#waiting.delete(job)
      const id = this.#nextId++
      thread.jobs.set(id, job)
      thread.worker.ref()
      thread.worker.postMessage({ id, task: job.task } satisfies DecodeRequest)
    }
  }

  /** The thread with least to do; a new one rather than a busy one. */
  #free(): Thread | undefined {
    let least: Thread | undefined
    for (const thread of this.#threads) if (thread.jobs.size < (least?.jobs.size ?? tasksPerThread)) least = thread
    if (least?.jobs.size !== 0 && this.#threads.size < this.threads) return this.#start()
    return least
  }

  #start(): Thread {
    const { url, execArgv } = threadProgram()!
    const worker = new Worker(url, { execArgv, name: 'babble-decode' })
    const thread: Thread = { worker, jobs: new Map() }
    this.#threads.add(thread)
    worker.on('message', ({ id, samples, failure }: DecodeReply) => {
      const job = thread.jobs.get(id)
      thread.jobs.delete(id)
      if (thread.jobs.size === 0) worker.unref()
      if (samples) job?.resolve(samples)
      else job?.reject(fromFailure(failure!))
      this.#dispatch()
    })
    worker.on('error', (cause) => this.#buryThread(thread, cause))
    worker.on('exit', (code) => this.#buryThread(thread, new Error(`it ended with code ${code}`)))
    return thread
  }

  /** A thread broke down: it was at its first task, which is not tried again; the others are. */
  #buryThread(thread: Thread, cause: unknown): void {
    if (!this.#threads.delete(thread)) return
    const [culprit, ...others] = thread.jobs.values()
    thread.jobs.clear()
    culprit?.reject(
      new DataError(
        `the thread that decoded it broke down: ${cause instanceof Error ? cause.message : String(cause)}.`,
        {
          file: culprit.task.file,
          cure: 'Leave the file out if that happens again.',
          cause,
        },
      ),
    )
    for (const job of others) if (!job.isOver) this.#waiting.add(job)
    this.#dispatch()
  }
}

interface ThreadProgram {
  readonly url: URL
  readonly execArgv: string[]
}

let knownProgram: ThreadProgram | null | undefined

/** The thread's file: `.js` beside the package's bundle, `.ts` in its sources; none where the package was bundled into a program. */
const threadProgram = (): ThreadProgram | undefined => {
  if (knownProgram === undefined) {
    const candidates = [
      { url: new URL('./decode-thread.js', import.meta.url), execArgv: [] },
      { url: new URL('./decode-thread.ts', import.meta.url), execArgv: [...sourceLoader] },
    ]
    knownProgram = candidates.find(({ url }) => url.protocol === 'file:' && existsSync(fileURLToPath(url))) ?? null
  }
  return knownProgram ?? undefined
}
