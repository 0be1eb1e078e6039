import { connect, type Socket } from 'node:net'
import { readLines, type StoreReply, type StoreRequest } from './store-protocol.ts'

/** One process's connection to the key-value store. */
export class StoreClient {
  readonly #socket: Socket
  readonly #pending = new Map<number, (reply: StoreReply) => void>()
  #nextId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    readLines(socket, (line) => {
      const reply = JSON.parse(line) as StoreReply
      this.#pending.get(reply.id)?.(reply)
      this.#pending.delete(reply.id)
    })
    const fail = () => {
      for (const [id, resolve] of this.#pending) resolve({ id, error: 'closed' })
      this.#pending.clear()
    }
    socket.on('error', fail)
    socket.on('close', fail)
  }

  /** Connects to the store, and tries again until `timeoutMs` is over: process 0 may start last. */
  static async connect(host: string, port: number, timeoutMs: number): Promise<StoreClient> {
    const end = Date.now() + timeoutMs
    for (;;) {
      try {
        return new StoreClient(await open(host, port))
      } catch (error) {
        if (Date.now() >= end) {
          const reason = error instanceof Error ? error.message : String(error)
          throw new Error(
            `process 0 was not reached at ${host}:${port} within ${timeoutMs / 1000} s (${reason}): is it running, and may this machine connect to that port?`,
          )
        }
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  request(request: Omit<StoreRequest, 'id'>): Promise<StoreReply> {
    const id = this.#nextId++
    if (this.#socket.destroyed) return Promise.resolve({ id, error: 'closed' })
    return new Promise((resolve) => {
      this.#pending.set(id, resolve)
      this.#socket.write(`${JSON.stringify({ ...request, id })}\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

const open = (host: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
  })
