/**
 * The thread on which PJRT's key-value callbacks run. koffi runs a callback on the thread that made it, whichever thread of XLA
 * calls: the main thread may be blocked in the very call that needs it. Started by `connect.ts`.
 */
import { createRequire } from 'node:module'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { default as Koffi } from 'koffi'
import type { StoreReply, StoreRequest } from './store-protocol.ts'

export interface CallbackThreadData {
  /** A file of this package, from which koffi is found. */
  readonly resolveFrom: string
  readonly store: MessagePort
  readonly signal: Int32Array
  /** Offsets of the fields of the argument structs, see `pjrt/layouts.ts`. */
  readonly structs: Readonly<Record<'get' | 'put' | 'tryGet', Readonly<Record<string, number>>>>
}

/** Codes of `absl::Status`. */
const STATUS = { timeout: 4, absent: 5, exists: 6, closed: 14 } as const

const { resolveFrom, store, signal, structs } = workerData as CallbackThreadData
const koffi = createRequire(resolveFrom)('koffi') as typeof Koffi
const libc = koffi.load(null)
const malloc = libc.func('malloc', 'void *', ['size_t'])
const dlsym = libc.func('dlsym', 'void *', ['void *', 'str'])
const free = dlsym(null, 'free') as bigint
const makeError = koffi.proto('void *', ['int', 'void *', 'size_t'])

/** Asks the store and blocks this thread until it answers. */
const ask = (request: Omit<StoreRequest, 'id'>): StoreReply => {
  const before = Atomics.load(signal, 0)
  store.postMessage(request)
  for (;;) {
    const answer = receiveMessageOnPort(store)
    if (answer) return answer.message as StoreReply
    Atomics.wait(signal, 0, before, 50)
  }
}

const callback = (op: 'get' | 'put' | 'tryGet') => {
  const at = structs[op]
  return (args: bigint): bigint => {
    const memory = new DataView(koffi.view(args, 96))
    const word = (field: string) => memory.getBigUint64(at[field]!, true)
    const bytes = (field: string) => {
      const length = Number(word(`${field}_size`))
      return length === 0 ? Buffer.alloc(0) : Buffer.from(new Uint8Array(koffi.view(word(field), length)))
    }
    const key = bytes('key').toString('latin1')
    const reply = ask({
      op,
      key,
      ...(op === 'put' && { value: bytes('value').toString('base64') }),
      ...(op === 'get' && { timeoutMs: memory.getInt32(at.timeout_in_ms!, true) }),
    })
    if (reply.error) {
      const message = Buffer.from(`key-value store: '${key}': ${reply.error}`)
      const [address] = new BigUint64Array(koffi.view(word('callback_error'), 8).slice(0))
      const make = koffi.decode(address!, makeError) as (code: number, text: Buffer, size: number) => bigint
      return make(STATUS[reply.error], message, message.length)
    }
    if (op !== 'put') {
      const value = Buffer.from(reply.value ?? '', 'base64')
      const copy = malloc(Math.max(1, value.length)) as bigint
      if (value.length > 0) new Uint8Array(koffi.view(copy, value.length)).set(value)
      memory.setBigUint64(at.value!, copy, true)
      memory.setBigUint64(at.value_size!, BigInt(value.length), true)
      memory.setBigUint64(at.value_deleter_callback!, free, true)
    }
    return 0n
  }
}

const type = koffi.pointer(koffi.proto('void *', ['void *']))
const registered = (['get', 'put', 'tryGet'] as const).map((op) => koffi.register(callback(op), type))
const [get, put, tryGet] = registered.map((pointer) => koffi.address(pointer))
parentPort!.on('message', () => {
  for (const pointer of registered) koffi.unregister(pointer)
  store.close()
  parentPort!.close()
})
parentPort!.postMessage({ get, put, tryGet })
