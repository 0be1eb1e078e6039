/** Calls the key-value callbacks as a PJRT plugin does: through their C addresses, with its argument structs. */
import { Buffer } from 'node:buffer'
import { STRUCTS } from '../pjrt/layouts'
import { addressOf, copyBytes, loadKoffi, Struct } from '../pjrt/native'
import type { KeyValueStore } from './connect'

export interface NativeReply {
  readonly code: number
  readonly message?: string
  readonly value?: string
}

type Callback = ((args: bigint) => bigint | null) & {
  async(args: bigint, callback: (error: Error | null, result: bigint | null) => void): void
}

type Operation = 'get' | 'put' | 'tryGet'

const LAYOUTS = {
  get: STRUCTS.KeyValueGetCallback,
  put: STRUCTS.KeyValuePutCallback,
  tryGet: STRUCTS.KeyValueTryGetCallback,
}

const ERROR = 1n

export class NativeStore {
  readonly #functions: Record<Operation, Callback>
  readonly #free: (memory: bigint) => void
  /** Holds the address of the function that makes an error. It runs here, so an error comes only while this thread is free. */
  readonly #makeError = new BigUint64Array(1)
  #error: NativeReply | undefined

  constructor(store: Pick<KeyValueStore, Operation>) {
    const koffi = loadKoffi()
    const prototype = koffi.proto('void *', ['void *'])
    const decode = (address: bigint) => koffi.decode(address, prototype) as Callback
    this.#functions = { get: decode(store.get), put: decode(store.put), tryGet: decode(store.tryGet) }
    this.#free = koffi.load(null).func('free', 'void', ['void *'])
    const makeError = (code: number, message: bigint, length: number) => {
      this.#error = { code, message: Buffer.from(copyBytes(message, Number(length))).toString() }
      return ERROR
    }
    const type = koffi.pointer(koffi.proto('void *', ['int', 'void *', 'size_t']))
    this.#makeError[0] = koffi.address(koffi.register(makeError, type))
  }

  put(key: string, value: string): NativeReply {
    return this.#call('put', key, value)
  }

  get(key: string, timeoutMs: number): NativeReply {
    return this.#call('get', key, '', timeoutMs)
  }

  tryGet(key: string): NativeReply {
    return this.#call('tryGet', key)
  }

  putAsync(key: string, value: string): Promise<NativeReply> {
    return this.#callAsync('put', key, value)
  }

  getAsync(key: string, timeoutMs: number): Promise<NativeReply> {
    return this.#callAsync('get', key, '', timeoutMs)
  }

  tryGetAsync(key: string): Promise<NativeReply> {
    return this.#callAsync('tryGet', key)
  }

  #call(op: Operation, key: string, value = '', timeoutMs = 0): NativeReply {
    const call = this.#arguments(op, key, value, timeoutMs)
    return this.#reply(op, call.args, this.#functions[op](call.args.address))
  }

  #callAsync(op: Operation, key: string, value = '', timeoutMs = 0): Promise<NativeReply> {
    const call = this.#arguments(op, key, value, timeoutMs)
    return new Promise((resolve, reject) => {
      this.#functions[op].async(call.args.address, (failure, error) => {
        if (failure) reject(failure)
        else resolve(this.#reply(op, call.args, error))
      })
    })
  }

  #arguments(op: Operation, key: string, value: string, timeoutMs: number) {
    const args: Struct = new Struct<string>(LAYOUTS[op])
    const memory = [Buffer.from(key), Buffer.from(value)] as const
    args.set('key', addressOf(memory[0]))
    args.set('key_size', BigInt(memory[0].length))
    args.set('callback_error', addressOf(this.#makeError))
    if (op === 'put') {
      args.set('value', addressOf(memory[1]))
      args.set('value_size', BigInt(memory[1].length))
    }
    if (op === 'get') args.setInt('timeout_in_ms', timeoutMs)
    return { args, memory }
  }

  #reply(op: Operation, args: Struct, error: bigint | null): NativeReply {
    if (error) return this.#error!
    if (op === 'put') return { code: 0 }
    const value = Buffer.from(copyBytes(args.get('value'), args.getNumber('value_size'))).toString()
    this.#free(args.get('value'))
    return { code: 0, value }
  }
}
