/**
 * The thread that talks to the key-value store: it keeps the store itself in process 0, and answers the callback thread, which
 * blocks meanwhile. Started by `connect.ts`.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { StoreClient } from './store-client.ts'
import type { StoreRequest } from './store-protocol.ts'
import { StoreServer } from './store-server.ts'

export interface StoreThreadData {
  readonly rank: number
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  readonly callbacks: MessagePort
  /** Counts the answers that lie on the port. */
  readonly signal: Int32Array
}

const { rank, host, port, timeoutMs, callbacks, signal } = workerData as StoreThreadData
try {
  const server = rank === 0 ? new StoreServer() : undefined
  const listening = server ? await server.listen(port) : port
  const client = await StoreClient.connect(server ? '127.0.0.1' : host, listening, timeoutMs)
  callbacks.on('message', async (request: Omit<StoreRequest, 'id'>) => {
    callbacks.postMessage(await client.request(request))
    Atomics.add(signal, 0, 1)
    Atomics.notify(signal, 0)
  })
  parentPort!.on('message', () => {
    client.close()
    server?.close()
    callbacks.close()
    parentPort!.close()
  })
  parentPort!.postMessage({ port: listening })
} catch (error) {
  parentPort!.postMessage({ error: error instanceof Error ? error.message : String(error) })
  parentPort!.close()
}
