import process from 'node:process'
import type Koffi from 'koffi'
import { errorCodeName, failure, XlaError } from './errors'
import { API_TABLE, type ApiFunction, ARGS, SLOTS } from './layouts'
import { copyBytes, loadKoffi, loadPinned, quietLogs, readString, Struct, tuneAllocator } from './native'

/** Plugins before this return wrong results with donated buffers. */
const OLDEST_MINOR = 100

/** Size of `PJRT_Api_Version` up to the minor version. */
const VERSION_STRUCT_BYTES = 24

/** What can be done without: the compile cache, several devices, and questions about memory. */
const OPTIONAL: ReadonlySet<string> = new Set<ApiFunction>([
  'Executable_Serialize',
  'Executable_DeserializeAndLoad',
  'Executable_GetCompiledMemoryStats',
  'Buffer_CopyToDevice',
])

const REQUIRED = (Object.keys(SLOTS) as ApiFunction[]).filter((name) => !OPTIONAL.has(name))

type NativeFunction = ((args: bigint) => bigint | null) & {
  async(args: bigint, callback: (error: Error | null, result: bigint | null) => void): void
}

export interface ApiVersion {
  readonly major: number
  readonly minor: number
}

/** The function table of one loaded plugin. */
export class PjrtApi {
  readonly path: string
  readonly version: ApiVersion
  private readonly table: BigUint64Array
  private readonly prototype: ReturnType<typeof Koffi.proto>
  /** The type of the functions that free what a call has handed out. */
  readonly deleterPrototype: ReturnType<typeof Koffi.proto>
  private readonly functions = new Map<ApiFunction, NativeFunction>()
  private readonly errorMessage = new Struct(ARGS.Error_Message)
  private readonly errorCode = new Struct(ARGS.Error_GetCode)
  private readonly errorDestroy = new Struct(ARGS.Error_Destroy)
  private readonly eventAwait = new Struct(ARGS.Event_Await)
  private readonly eventReady = new Struct(ARGS.Event_IsReady)
  private readonly eventDestroy = new Struct(ARGS.Event_Destroy)

  /** @internal Checks the table before any of its functions is called: on a mismatch that would crash the process. */
  constructor(path: string, tableAddress: bigint) {
    this.path = path
    const header = new DataView(copyBytes(tableAddress, API_TABLE.functions))
    const versionSize = Number(header.getBigUint64(API_TABLE.versionStructSize, true))
    if (versionSize < VERSION_STRUCT_BYTES || versionSize > 1024) {
      throw new XlaError(
        `The PJRT plugin ${path} has no readable API version: it is damaged, or made for another interface.`,
        'UNIMPLEMENTED',
      )
    }
    this.version = {
      major: header.getInt32(API_TABLE.majorVersion, true),
      minor: header.getInt32(API_TABLE.minorVersion, true),
    }
    const structSize = Number(header.getBigUint64(API_TABLE.structSize, true))
    checkVersion(path, this.version, structSize)
    this.table = new BigUint64Array(copyBytes(tableAddress, structSize & ~7))
    const missing = REQUIRED.filter((name) => !this.table[(API_TABLE.functions >> 3) + SLOTS[name]])
    if (missing.length > 0) {
      throw new XlaError(
        `The PJRT plugin ${path} lacks ${missing.join(', ')}, which this package needs. Install a current plugin.`,
        'UNIMPLEMENTED',
      )
    }
    const koffi = loadKoffi()
    this.prototype = koffi.proto('void *', ['void *'])
    this.deleterPrototype = koffi.proto('void', ['void *'])
  }

  /** Loads and initialises a plugin; once for each path. */
  static load(path: string): PjrtApi {
    const known = loaded.get(path)
    if (known) return known
    if (process.arch !== 'x64' && process.arch !== 'arm64') {
      throw new XlaError(`The xla backend runs on 64-bit x86 and ARM, not on ${process.arch}`, 'UNIMPLEMENTED')
    }
    tuneAllocator()
    quietLogs()
    const library = loadPinned(path)
    let getApi: () => bigint | null
    try {
      getApi = library.func('GetPjrtApi', 'void *', []) as () => bigint | null
    } catch (cause) {
      throw new XlaError(`${path} is no PJRT plugin: it has no function GetPjrtApi`, 'INVALID_ARGUMENT', { cause })
    }
    const table = getApi()
    if (!table) throw new XlaError(`The PJRT plugin ${path} returned no API`, 'UNAVAILABLE')
    const api = new PjrtApi(path, table)
    api.call('Plugin_Initialize', new Struct(ARGS.Plugin_Initialize))
    loaded.set(path, api)
    return api
  }

  /** The bare function, for callers that invoke it very often. It returns an error pointer, or null. */
  function(name: ApiFunction): NativeFunction {
    let found = this.functions.get(name)
    if (!found) {
      const address = this.table[(API_TABLE.functions >> 3) + SLOTS[name]]
      if (!address) throw new XlaError(`The PJRT plugin ${this.path} does not offer ${name}`, 'UNIMPLEMENTED')
      found = loadKoffi().decode(address, this.prototype) as NativeFunction
      this.functions.set(name, found)
    }
    return found
  }

  /** Calls a function and throws its error, if it returns one. */
  call(name: ApiFunction, args: Struct): void {
    const error = this.function(name)(args.address)
    if (error) throw this.takeError(error)
  }

  /** Calls a function on a background thread. `args`, and all it points to, must stay alive and unchanged meanwhile. */
  callAsync(name: ApiFunction, args: Struct): Promise<void> {
    return new Promise((resolve, reject) => {
      this.function(name).async(args.address, (failure, error) => {
        if (failure) reject(failure)
        else if (error) reject(this.takeError(error))
        else resolve()
      })
    })
  }

  /** Turns PJRT's error object into ours, and frees it. */
  takeError(error: bigint): XlaError {
    this.errorMessage.set('error', error)
    this.function('Error_Message')(this.errorMessage.address)
    const message = readString(this.errorMessage.get('message'), this.errorMessage.get('message_size'))
    this.errorCode.set('error', error)
    const failed = this.function('Error_GetCode')(this.errorCode.address)
    const code = failed ? 2 : this.errorCode.getInt('code')
    this.errorDestroy.set('error', error)
    this.function('Error_Destroy')(this.errorDestroy.address)
    return failure(message, errorCodeName(code), { pluginPath: this.path })
  }

  /** Blocks until an event has come, frees it, and throws the error it carries. */
  awaitEvent(event: bigint): void {
    if (event === 0n) return
    this.eventAwait.set('event', event)
    const error = this.function('Event_Await')(this.eventAwait.address)
    this.destroyEvent(event)
    if (error) throw this.takeError(error)
  }

  /** Whether an event has come; it stays to be freed. */
  isReady(event: bigint): boolean {
    this.eventReady.set('event', event)
    this.call('Event_IsReady', this.eventReady)
    return (this.eventReady.getInt('is_ready') & 0xff) !== 0
  }

  destroyEvent(event: bigint): void {
    if (event === 0n) return
    this.eventDestroy.set('event', event)
    this.call('Event_Destroy', this.eventDestroy)
  }
}

const loaded = new Map<string, PjrtApi>()

/** @internal Throws unless a plugin of this version, with an API table of this size, can be used. */
export function checkVersion(path: string, { major, minor }: ApiVersion, structSize: number): void {
  const lastSlot = Math.max(...Object.values(SLOTS))
  if (major !== 0) {
    throw new XlaError(
      `The PJRT plugin ${path} has API version ${major}.${minor}; this package speaks version 0. Use a newer package.`,
      'UNIMPLEMENTED',
    )
  }
  const needed = API_TABLE.functions + 8 * (lastSlot + 1)
  if (minor >= OLDEST_MINOR && structSize < needed) {
    throw new XlaError(
      `The PJRT plugin ${path} says that it has API version 0.${minor}, but its table of functions takes ${structSize} bytes ` +
        `where ${needed} are needed. It is damaged or incomplete: install it again, e.g. with \`npx tfjs-xla install cpu\`.`,
      'UNIMPLEMENTED',
    )
  }
  if (minor < OLDEST_MINOR) {
    throw new XlaError(
      `The PJRT plugin ${path} has API version 0.${minor}, older than 0.${OLDEST_MINOR}: such plugins compute wrong ` +
        'results when buffers are donated. Install a current one, e.g. with `npx tfjs-xla install cpu`.',
      'UNIMPLEMENTED',
    )
  }
}
