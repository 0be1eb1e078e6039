import type { PjrtApi } from './api'
import { type ApiFunction, ARGS } from './layouts'
import { Struct } from './native'
import { PointerTable } from './pointer-table'

/** The functions that free an object, and the argument struct field that names it. */
const DESTROYERS = {
  Buffer_Destroy: 'buffer',
  LoadedExecutable_Destroy: 'executable',
} as const satisfies Partial<Record<ApiFunction, string>>

type Destroyer = keyof typeof DESTROYERS

/**
 * Everything a client has handed out and not yet freed, so that closing the client leaves nothing behind. A training step frees
 * and adopts a handle for each parameter: they are chained to each other, which costs less than a set does.
 */
export class HandleOwner {
  private newest: NativeHandle | undefined
  private count = 0
  private liveBytes = 0
  /** The native objects, each in its handle's slot. */
  readonly pointers = new PointerTable()
  /** Buffers whose memory an execution has taken. */
  private readonly usedUp = new PointerTable()
  private readonly api: PjrtApi
  private readonly destroyers: Record<
    Destroyer,
    { readonly call: (args: bigint) => bigint | null; readonly args: Struct }
  >

  constructor(api: PjrtApi) {
    this.api = api
    const destroyer = (name: Destroyer) => ({ call: api.function(name), args: new Struct<string>(ARGS[name]) })
    this.destroyers = {
      Buffer_Destroy: destroyer('Buffer_Destroy'),
      LoadedExecutable_Destroy: destroyer('LoadedExecutable_Destroy'),
    }
  }

  /** Number of objects not yet freed. */
  get size(): number {
    return this.count
  }

  /** Device memory of the objects not yet freed, as far as they said what they take. */
  get bytes(): number {
    return this.liveBytes
  }

  /** Takes charge of an object; it is freed when `wrapper` is garbage-collected, if nobody frees it before. */
  adopt(pointer: bigint, destroyer: Destroyer, wrapper: object, bytes = 0): NativeHandle {
    const handle = new NativeHandle(this, pointer, destroyer, bytes)
    const older = this.newest
    handle.older = older
    if (older) older.newer = handle
    this.newest = handle
    this.count++
    this.liveBytes += bytes
    leaked.register(wrapper, handle, handle)
    return handle
  }

  /** Frees an object. Safe while a computation that uses it is in flight, and harmless a second time. */
  release(handle: NativeHandle): void {
    const { slot, older, newer } = handle
    if (slot < 0) return
    const pointer = this.pointers.get(slot)
    this.pointers.remove(slot)
    handle.slot = -1
    if (newer) newer.older = older
    else this.newest = older
    if (older) older.newer = newer
    handle.older = undefined
    handle.newer = undefined
    this.count--
    this.liveBytes -= handle.bytes
    leaked.unregister(handle)
    const { call, args } = this.destroyers[handle.destroyer]
    args.set(DESTROYERS[handle.destroyer], pointer)
    const error = call(args.address)
    if (error) throw this.api.takeError(error)
  }

  /**
   * Puts other objects in the place of those that a call has used up, given by their slots: number `i` of them is `results[places[i]]`. The old
   * ones hold nothing any more, so that they can be freed when there is time: a training step replaces the buffers of all
   * parameters, and should return soon.
   */
  replace(slots: Int32Array, results: Uint32Array, places: Int32Array): void {
    if (this.usedUp.size === 0) setImmediate(() => this.freeUsedUp())
    this.usedUp.addFrom(this.pointers, slots)
    this.pointers.copyIn(slots, results, places)
  }

  private freeUsedUp(): void {
    const { call, args } = this.destroyers.Buffer_Destroy
    for (let i = 0; i < this.usedUp.size; i++) {
      args.set('buffer', this.usedUp.get(i))
      const error = call(args.address)
      if (error) throw this.api.takeError(error)
    }
    this.usedUp.clear()
  }

  releaseAll(): void {
    this.freeUsedUp()
    while (this.newest) this.release(this.newest)
  }
}

/** One native object. */
export class NativeHandle {
  readonly owner: HandleOwner
  /** Where the owner keeps the pointer; -1 once the object is freed. */
  slot: number
  readonly destroyer: Destroyer
  readonly bytes: number
  /** Its neighbours among the owner's handles. */
  older: NativeHandle | undefined
  newer: NativeHandle | undefined

  constructor(owner: HandleOwner, pointer: bigint, destroyer: Destroyer, bytes: number) {
    this.owner = owner
    this.slot = owner.pointers.add(pointer)
    this.destroyer = destroyer
    this.bytes = bytes
    this.older = undefined
    this.newer = undefined
  }

  /** The object's address, 0 once it is freed. */
  get pointer(): bigint {
    return this.slot < 0 ? 0n : this.owner.pointers.get(this.slot)
  }
}

const leaked = new FinalizationRegistry<NativeHandle>((handle) => handle.owner.release(handle))
