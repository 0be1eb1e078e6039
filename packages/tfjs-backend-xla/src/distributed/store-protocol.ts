import type { Socket } from 'node:net'

/** One line of JSON each way; values are base64. */
export interface StoreRequest {
  readonly id: number
  readonly op: 'get' | 'put' | 'tryGet'
  readonly key: string
  readonly value?: string
  /** `get` waits so long for the key to be written. */
  readonly timeoutMs?: number
}

export interface StoreReply {
  readonly id: number
  readonly value?: string
  readonly error?: 'timeout' | 'absent' | 'exists' | 'closed'
}

/** No key or value that XLA exchanges is longer than a few hundred kilobytes (a machine's topology). */
const LONGEST_LINE = 64 * 2 ** 20

/** Calls back with each line that comes through a socket, which is cut off when it sends something else. */
export const readLines = (socket: Socket, use: (line: string) => void): void => {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    if (rest.length > LONGEST_LINE) return void socket.destroy()
    for (const line of lines) use(line)
  })
}
