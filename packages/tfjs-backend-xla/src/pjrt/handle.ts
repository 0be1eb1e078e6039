import type { PjrtApi } from './api'
import { type ApiFunction, ARGS } from './layouts'
import { Struct } from './native'

/** The functions that free an object, and the argument struct field that names it. */
const DESTROYERS = {
  Buffer_Destroy: 'buffer',
  LoadedExecutable_Destroy: 'executable',
} as const satisfies Partial<Record<ApiFunction, string>>

type Destroyer = keyof typeof DESTROYERS

/** Everything a client has handed out and not yet freed, so that closing the client leaves nothing behind. */
export class HandleOwner {
  private readonly handles = new Set<NativeHandle>()
  private readonly destroyArgs: Record<Destroyer, Struct>
  private readonly api: PjrtApi
  private liveBytes = 0

  constructor(api: PjrtApi) {
    this.api = api
    this.destroyArgs = {
      Buffer_Destroy: new Struct(ARGS.Buffer_Destroy),
      LoadedExecutable_Destroy: new Struct(ARGS.LoadedExecutable_Destroy),
    }
  }

  /** Number of objects not yet freed. */
  get size(): number {
    return this.handles.size
  }

  /** Device memory of the objects not yet freed, as far as they said what they take. */
  get bytes(): number {
    return this.liveBytes
  }

  /** Takes charge of an object; it is freed when `wrapper` is garbage-collected, if nobody frees it before. */
  adopt(pointer: bigint, destroyer: Destroyer, wrapper: object, bytes = 0): NativeHandle {
    const handle = new NativeHandle(this, pointer, destroyer, bytes)
    this.handles.add(handle)
    this.liveBytes += bytes
    leaked.register(wrapper, handle, handle)
    return handle
  }

  /** Frees an object. Safe while a computation that uses it is in flight, and harmless a second time. */
  release(handle: NativeHandle): void {
    const { pointer } = handle
    if (pointer === 0n) return
    handle.pointer = 0n
    this.handles.delete(handle)
    this.liveBytes -= handle.bytes
    leaked.unregister(handle)
    const args = this.destroyArgs[handle.destroyer]
    args.set(DESTROYERS[handle.destroyer], pointer)
    this.api.call(handle.destroyer, args)
  }

  releaseAll(): void {
    for (const handle of [...this.handles]) this.release(handle)
  }
}

/** One native object; `pointer` is 0 once it is freed. */
export class NativeHandle {
  readonly owner: HandleOwner
  pointer: bigint
  readonly destroyer: Destroyer
  readonly bytes: number

  constructor(owner: HandleOwner, pointer: bigint, destroyer: Destroyer, bytes: number) {
    this.owner = owner
    this.pointer = pointer
    this.destroyer = destroyer
    this.bytes = bytes
  }
}

const leaked = new FinalizationRegistry<NativeHandle>((handle) => handle.owner.release(handle))
