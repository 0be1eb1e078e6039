import { createRequire } from 'node:module'
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'
import type { default as Koffi, LibraryHandle } from 'koffi'
import { failure, XlaError } from './errors'
import type { StructLayout } from './layouts'

/** Deep recursion inside XLA's compiler overflows koffi's default 128 KiB: a chain of 2,000 ops crashes the process. */
const STACK_BYTES = 16 * 1024 * 1024

const RTLD_NOW = 0x2
const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000

const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3

let koffiModule: typeof Koffi | undefined
let asyncStackIsDeep = false

/**
 * The FFI library, loaded on first use so that importing this package works where koffi has no binary.
 * Its stack sizes can only be set before the first library is loaded.
 */
export function loadKoffi(): typeof Koffi {
  if (koffiModule) return koffiModule
  let koffi: typeof Koffi
  try {
    // The CommonJS build has no import.meta.
    koffi = createRequire(typeof __filename === 'string' ? __filename : import.meta.url)('koffi') as typeof Koffi
  } catch (cause) {
    throw new XlaError(
      `The xla backend needs the npm package 'koffi' and its binary for ${process.platform}-${process.arch}, ` +
        'which did not load. Reinstall without omitting optional dependencies (npm install --include=optional).',
      'UNAVAILABLE',
      { cause },
    )
  }
  try {
    koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES })
  } catch {
    // Someone else in this process has loaded a library through koffi already: its settings are final.
  }
  asyncStackIsDeep = (koffi.config().async_stack_size ?? 0) >= STACK_BYTES
  koffiModule = koffi
  return koffi
}

/** Whether XLA's compiler may run on koffi's background threads. */
export function canCompileInBackground(): boolean {
  return asyncStackIsDeep
}

/** Loads a library so that it stays until the process ends: its threads outlive every handle on it. */
export function loadPinned(path: string): LibraryHandle {
  const koffi = loadKoffi()
  if (process.platform !== 'win32') {
    const self = koffi.load(null)
    const dlopen = self.func('dlopen', 'void *', ['str', 'int'])
    const dlerror = self.func('dlerror', 'str', [])
    if (!dlopen(path, RTLD_NOW | RTLD_NODELETE)) {
      const reason = `Cannot load the PJRT plugin ${path}: ${dlerror() ?? 'unknown reason'}`
      throw failure(reason, 'UNAVAILABLE', { pluginPath: path })
    }
  }
  try {
    return koffi.load(path)
  } catch (cause) {
    throw new XlaError(`Cannot load the PJRT plugin ${path}: ${(cause as Error).message}`, 'UNAVAILABLE', { cause })
  }
}

/** Keeps XLA's informational log lines off stderr, unless the user has asked for some level; warnings stay. */
export function quietLogs(): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1'
  if (isMainThread || process.platform === 'win32') return
  // A worker thread's environment is a copy, which C code does not see.
  const setenv = loadKoffi().load(null).func('setenv', 'int', ['str', 'str', 'int'])
  setenv('TF_CPP_MIN_LOG_LEVEL', process.env.TF_CPP_MIN_LOG_LEVEL, 0)
}

let allocatorTuned = false

/**
 * Makes the C allocator keep and reuse large blocks instead of mapping and unmapping them: the buffers and scratch
 * space of a training step come back in the same sizes every step, and touching fresh pages costs more than the copy
 * into them (64 MB to the device: 35 ms against 6 ms). The price is that the process keeps its peak of memory.
 * Set `BABBLE_MALLOC=system` to leave the allocator as it is. Only glibc has these settings; elsewhere nothing happens.
 */
export function tuneAllocator(): void {
  if (allocatorTuned || process.platform !== 'linux' || process.env.BABBLE_MALLOC === 'system') return
  allocatorTuned = true
  try {
    const mallopt = loadKoffi().load(null).func('mallopt', 'int', ['int', 'int'])
    mallopt(M_MMAP_THRESHOLD, 1 << 30)
    mallopt(M_TRIM_THRESHOLD, 0x7fffffff)
  } catch {
    // musl has no mallopt; its own behaviour is what there is.
  }
}

/**
 * Gives free memory of the C allocator back to the system: compiling a large program leaves hundreds of megabytes in pieces
 * that are too small for the tensors that come next.
 */
export function trimAllocator(): void {
  if (process.platform !== 'linux' || process.env.BABBLE_MALLOC === 'system') return
  try {
    loadKoffi().load(null).func('malloc_trim', 'int', ['size_t'])(0)
  } catch {
    // Not glibc.
  }
}

/** Address of the bytes of a buffer or view. The caller keeps the view alive as long as the address is in use. */
export function addressOf(view: ArrayBufferView | ArrayBuffer): bigint {
  return loadKoffi().address(view)
}

const pinned = new Set<object>()

/**
 * Keeps objects whose address has been taken from being collected while `use` runs; nothing else tells the garbage
 * collector about an address inside a struct.
 */
export function withPinned<T>(object: object, use: () => T): T {
  pinned.add(object)
  try {
    return use()
  } finally {
    pinned.delete(object)
  }
}

/** Like {@link withPinned}, until the promise settles. */
export async function withPinnedAsync<T>(object: object, use: () => Promise<T>): Promise<T> {
  pinned.add(object)
  try {
    return await use()
  } finally {
    pinned.delete(object)
  }
}

export function readString(address: bigint, length: bigint): string {
  if (address === 0n || length === 0n) return ''
  return loadKoffi().decode.string(address, Number(length))
}

/** A copy of `length` bytes at an address. */
export function copyBytes(address: bigint, length: number): ArrayBuffer {
  if (length === 0) return new ArrayBuffer(0)
  return loadKoffi().view(address, length).slice(0)
}

/** A C struct with a fixed address: written field by field, passed by pointer, and used again. */
export class Struct<Field extends string = string> {
  readonly address: bigint
  private readonly words: BigUint64Array
  private readonly ints: Int32Array
  private readonly offsets: Readonly<Record<Field, number>>

  constructor(layout: StructLayout<Field>) {
    // PJRT counts up to the end of the last field; C pads the whole to eight bytes.
    const memory = new ArrayBuffer(Math.ceil(layout.size / 8) * 8)
    this.words = new BigUint64Array(memory)
    this.ints = new Int32Array(memory)
    this.offsets = layout.fields
    this.address = addressOf(memory)
    this.words[0] = BigInt(layout.size)
  }

  /** Sets a pointer or 64-bit field. */
  set(field: Field, value: bigint): void {
    this.words[this.offsets[field] >> 3] = value
  }

  get(field: Field): bigint {
    return this.words[this.offsets[field] >> 3]!
  }

  getNumber(field: Field): number {
    return Number(BigInt.asIntN(64, this.get(field)))
  }

  setInt(field: Field, value: number): void {
    this.ints[this.offsets[field] >> 2] = value
  }

  getInt(field: Field): number {
    return this.ints[this.offsets[field] >> 2]!
  }
}
