import { createServer, type Server, type Socket } from 'node:net'
import { readLines, type StoreReply, type StoreRequest } from './store-protocol.ts'

interface Waiting {
  readonly socket: Socket
  readonly id: number
  readonly timer: NodeJS.Timeout
}

/** The key-value store in which the processes of a run find each other: one lives in process 0, for all. */
export class StoreServer {
  readonly #values = new Map<string, string>()
  readonly #waiting = new Map<string, Set<Waiting>>()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** Listens on a port (0: any), on all interfaces, and gives the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address ? address.port : port)
      })
    })
  }

  close(): void {
    for (const all of this.#waiting.values()) for (const { timer } of all) clearTimeout(timer)
    for (const socket of this.#sockets) socket.end()
    this.#server.close()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    readLines(socket, (line) => {
      try {
        this.#answer(socket, JSON.parse(line) as StoreRequest)
      } catch {
        // Not one of ours: anyone can connect to a port.
        socket.destroy()
      }
    })
  }

  #answer(socket: Socket, { id, op, key, value = '', timeoutMs = 0 }: StoreRequest): void {
    if (op === 'put') {
      // As in XLA's own store, a key is written once: a second writer would be another run's process.
      if (this.#values.has(key)) {
        reply(socket, { id, error: 'exists' })
        return
      }
      this.#values.set(key, value)
      reply(socket, { id, value: '' })
      for (const waiting of this.#waiting.get(key) ?? []) {
        clearTimeout(waiting.timer)
        reply(waiting.socket, { id: waiting.id, value })
      }
      this.#waiting.delete(key)
      return
    }
    const known = this.#values.get(key)
    if (known !== undefined) reply(socket, { id, value: known })
    else if (op === 'tryGet') reply(socket, { id, error: 'absent' })
    else if (timeoutMs <= 0) reply(socket, { id, error: 'timeout' })
    else this.#wait(socket, id, key, timeoutMs)
  }

  #wait(socket: Socket, id: number, key: string, timeoutMs: number): void {
    const waiting: Waiting = {
      socket,
      id,
      timer: setTimeout(() => {
        this.#waiting.get(key)?.delete(waiting)
        reply(socket, { id, error: 'timeout' })
      }, timeoutMs),
    }
    const all = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, all.add(waiting))
  }
}

const reply = (socket: Socket, message: StoreReply): void => {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`)
}
