import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import { XlaError } from '../pjrt/errors'
import { STRUCTS } from '../pjrt/layouts'
import type { CallbackThreadData } from './callback-thread'
import type { ProcessGroup } from './launcher'
import type { StoreThreadData } from './store-thread'

/** Addresses of C functions by which PJRT reads and writes the store that the processes of a run share. */
export interface KeyValueStore {
  readonly get: bigint
  readonly put: bigint
  readonly tryGet: bigint
  /** The port that process 0 listens on. */
  readonly port: number
  /** To be called when the client that uses the functions has been disposed. */
  close(): Promise<void>
}

export interface ConnectOptions {
  /** How long to wait for process 0. Default 5 minutes. */
  readonly timeoutMs?: number
}

/** Threads run a file of their own, without this process's flags: `.js` beside the package's bundle, `.ts` in its sources. */
const threadFile = (name: string): URL => {
  const built = new URL(`./${name}.js`, import.meta.url)
  return existsSync(fileURLToPath(built)) ? built : new URL(`./${name}.ts`, import.meta.url)
}

const firstMessage = <T>(worker: Worker): Promise<T> =>
  new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (message: T & { error?: string }) => {
      worker.off('error', reject)
      if (message.error) reject(new XlaError(message.error, 'UNAVAILABLE'))
      else resolve(message)
    })
  })

/**
 * Joins the processes of a run: process 0 opens the key-value store, the others connect to it.
 *
 * @throws XlaError when process 0 is not reached, or its port is taken.
 */
export const connectKeyValueStore = async (
  group: ProcessGroup,
  options: ConnectOptions = {},
): Promise<KeyValueStore> => {
  const { rank, host, port } = group
  const { timeoutMs = 300_000 } = options
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const { port1, port2 } = new MessageChannel()
  const storeData: StoreThreadData = { rank, host, port, timeoutMs, callbacks: port1, signal }
  const storeThread = new Worker(threadFile('store-thread'), {
    workerData: storeData,
    transferList: [port1],
    execArgv: [],
  })
  let callbackThread: Worker | undefined
  try {
    const { port: listening } = await firstMessage<{ port: number }>(storeThread)
    const callbackData: CallbackThreadData = {
      resolveFrom: fileURLToPath(import.meta.url),
      store: port2,
      signal,
      structs: {
        get: STRUCTS.KeyValueGetCallback.fields,
        put: STRUCTS.KeyValuePutCallback.fields,
        tryGet: STRUCTS.KeyValueTryGetCallback.fields,
      },
    }
    callbackThread = new Worker(threadFile('callback-thread'), {
      workerData: callbackData,
      transferList: [port2],
      execArgv: [],
    })
    const { get, put, tryGet } = await firstMessage<Record<'get' | 'put' | 'tryGet', bigint>>(callbackThread)
    const threads = [callbackThread, storeThread]
    // They serve as long as the process lives, and do not keep it alive.
    for (const thread of threads) thread.unref()
    const close = async () => {
      const ends = threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)))
      for (const thread of threads) {
        thread.ref()
        thread.postMessage('close')
      }
      await Promise.all(ends)
    }
    return { get, put, tryGet, port: listening, close }
  } catch (error) {
    await Promise.all([storeThread.terminate(), callbackThread?.terminate()])
    throw error
  }
}
