import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, type WorkerOptions, workerData } from 'node:worker_threads'
import { DataError } from '../errors'
import type { BatchSource, HostBatch } from './batch-source'
import { fromFailure, type ThreadFailure, toFailure } from './thread-failure'

interface BatchRequest {
  readonly id: number
  readonly epoch: number
  readonly index: number
}

/** The answer to a request; the one with number {@link started} comes when the source has been made, or cannot be. */
interface BatchReply {
  readonly id: number
  readonly batch?: HostBatch
  readonly failure?: ThreadFailure
}

const started = -1

export interface BatchThreadOptions {
  /** Batches to be made ahead. Default 2. */
  readonly readAhead?: number
  /** Make batches on the calling thread until the other is ready, so that a run need not wait for it to start. Default true. */
  readonly startHere?: boolean
  /** Options of Node for the thread. Default: none of this process's. */
  readonly execArgv?: readonly string[]
}

/**
 * Makes a source's batches in a thread of its own, so that the thread that feeds the engine does nothing but that: for sources that augment or
 * join recordings in memory. Arrays come over without being copied.
 *
 * @param source The same source here: its name, counts and `cut` are used, and its batches where the program is not there.
 * @param program The thread's program, a module that calls {@link serveBatches} to make the source from `data`.
 * @param data Plain values, copied to the thread.
 *
 * @example
 * const data = batchesInThread(source, new URL('./batches.js', import.meta.url), { recordings, seed: 1 })
 */
export const batchesInThread = <B extends HostBatch>(
  source: BatchSource<B>,
  program: URL,
  data: unknown,
  options: BatchThreadOptions = {},
): BatchSource<B> => {
  if (program.protocol !== 'file:' || !existsSync(fileURLToPath(program))) return source
  const { readAhead = 2, execArgv = [], startHere = true } = options
  const thread = new BatchThread<B>(source.name, program, { workerData: data, execArgv: [...execArgv] })
  const { audioSeconds, cut } = source
  return {
    name: source.name,
    readAhead,
    batchesPerEpoch: (epoch) => source.batchesPerEpoch(epoch),
    batch: (epoch, index, signal) =>
      startHere && thread.isStarting ? source.batch(epoch, index, signal) : thread.batch(epoch, index, signal),
    ...(audioSeconds ? { audioSeconds: (batch: B) => audioSeconds.call(source, batch) } : {}),
    ...(cut ? { cut: (batch: B, parts: number) => cut.call(source, batch, parts) } : {}),
    close: async () => {
      await thread.close()
      await source.close?.()
    },
  }
}

interface Waiting<B> {
  readonly resolve: (batch: B) => void
  readonly reject: (error: unknown) => void
}

/** The thread as seen from outside: it starts at once, to be ready for the first batch, and again after it was closed. */
class BatchThread<B extends HostBatch> {
  #worker: Worker | undefined
  readonly #waiting = new Map<number, Waiting<B>>()
  #nextId = 0
  #isReady = false
  /** Why the thread came to nothing before anybody asked for a batch. */
  #fault: unknown
  readonly #name: string
  readonly #program: URL
  readonly #options: WorkerOptions

  constructor(name: string, program: URL, options: WorkerOptions) {
    this.#name = name
    this.#program = program
    this.#options = options
    this.#start().unref()
  }

  /** Whether it is on its way; starts it where it is not. */
  get isStarting(): boolean {
    if (this.#fault !== undefined) return false
    if (!this.#worker) this.#start().unref()
    return !this.#isReady
  }

  batch(epoch: number, index: number, signal?: AbortSignal): Promise<B> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#fault !== undefined) {
      const fault = this.#fault
      this.#fault = undefined
      return Promise.reject(fault)
    }
    return new Promise<B>((resolve, reject) => {
      const worker = this.#start()
      const id = this.#nextId++
      const onAbort = () => reject(signal!.reason)
      // A listener left on the signal, which lives as long as the run, would keep the batch too.
      const settle =
        <T>(callback: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', onAbort)
          callback(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      signal?.addEventListener('abort', onAbort, { once: true })
      worker.ref()
      worker.postMessage({ id, epoch, index } satisfies BatchRequest)
    })
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#giveUp('was closed')
    await worker?.terminate()
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(this.#program, this.#options)
    this.#worker = worker
    this.#isReady = false
    worker.on('message', ({ id, batch, failure }: BatchReply) => {
      if (id === started) {
        this.#isReady = failure === undefined
        // With nobody waiting the next to ask is told; else those who wait are, by their own answers.
        if (failure && this.#waiting.size === 0) this.#fault = fromFailure(failure)
        return
      }
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) worker.unref()
      if (batch) waiting?.resolve(batch as B)
      else waiting?.reject(fromFailure(failure!))
    })
    const onEnd = (cause: unknown) => {
      if (this.#worker === worker) this.#giveUp('broke down', cause)
    }
    worker.on('error', onEnd)
    worker.on('exit', (code) => onEnd(new Error(`it ended with code ${code}`)))
    return worker
  }

  #giveUp(what: string, cause?: unknown): void {
    const reason = cause === undefined ? '' : `: ${cause instanceof Error ? cause.message : String(cause)}`
    const isFault = cause !== undefined && this.#waiting.size === 0 && !this.#isReady
    const error = new DataError(`the thread that makes the batches of "${this.#name}" ${what}${reason}.`, { cause })
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#worker = undefined
    this.#fault = isFault ? error : undefined
  }
}

/**
 * The program of a thread that {@link batchesInThread} starts: makes the source and then the batches that are asked for, one at a time.
 *
 * @param make Makes the source from the data that the thread was given.
 * @throws DataError outside of such a thread.
 */
export const serveBatches = <Data>(make: (data: Data) => BatchSource | Promise<BatchSource>): void => {
  const port = parentPort
  if (!port) throw new DataError('serveBatches is for programs of threads that batchesInThread starts.')
  const source = Promise.resolve(workerData as Data).then(make)
  source.then(
    () => port.postMessage({ id: started } satisfies BatchReply),
    (error) => port.postMessage({ id: started, failure: toFailure(error) } satisfies BatchReply),
  )
  const answer = async ({ id, epoch, index }: BatchRequest): Promise<void> => {
    try {
      const { batch, buffers } = separate(await (await source).batch(epoch, index))
      port.postMessage({ id, batch } satisfies BatchReply, buffers)
    } catch (error) {
      port.postMessage({ id, failure: toFailure(error) } satisfies BatchReply)
    }
  }
  let last: Promise<void> = Promise.resolve()
  port.on('message', (request: BatchRequest) => {
    last = last.then(() => answer(request))
  })
}

/** The batch with memory of its own for each array, to be handed over: what is a view of more is copied. */
const separate = (batch: HostBatch): { batch: HostBatch; buffers: ArrayBuffer[] } => {
  const seen = new Set<ArrayBufferLike>()
  const own = Object.entries(batch).map(([name, array]) => {
    const { buffer, byteLength } = array.data
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !seen.has(buffer)
    const data = isOwn ? array.data : array.data.slice()
    seen.add(data.buffer)
    return [name, { ...array, data }] as const
  })
  return { batch: Object.fromEntries(own), buffers: [...seen] as ArrayBuffer[] }
}
