import { Buffer } from 'node:buffer'
import { formatBytes } from '../install/format'
import { specByteLength, specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'
import type { NativeHandle } from './handle'
import type { Execution } from './huge-pages'
import { ARGS } from './layouts'
import { addressOf, Struct, withPinned, withPinnedAsync } from './native'
import type { Runtime } from './runtime'

/** A tensor in a device's memory. It may still be being computed; reading it waits. */
export class PjrtBuffer {
  readonly spec: TensorSpec
  /** Size of the tensor's elements in host memory. */
  readonly byteLength: number
  /** Index of the device that holds it, among those of this process. */
  readonly device: number
  /** @internal Which execution last found this buffer donated to it, and as which of its inputs. */
  donationMark = 0
  /** @internal */
  donationIndex = 0
  private readonly runtime: Runtime
  private readonly handle: NativeHandle
  private donated = false

  /** @internal Takes charge of a `PJRT_Buffer`. */
  constructor(runtime: Runtime, pointer: bigint, spec: TensorSpec, byteLength = specByteLength(spec), device = 0) {
    this.runtime = runtime
    this.device = device
    this.spec = spec
    this.byteLength = byteLength
    this.handle = runtime.handles.adopt(pointer, 'Buffer_Destroy', this, byteLength)
  }

  /** @internal The `PJRT_Buffer`, or 0 when it is gone. */
  get pointer(): bigint {
    return this.handle.pointer
  }

  /** @internal Where the client keeps that pointer. */
  get slot(): number {
    return this.handle.slot
  }

  /** @internal */
  belongsTo(runtime: Runtime): boolean {
    return this.runtime === runtime
  }

  /** Whether the device memory has been given up: disposed, donated to an execution, or its client disposed. */
  get isDisposed(): boolean {
    return this.handle.slot < 0
  }

  /** @internal The execution that computes this tensor; it may be asked also after the buffer is gone, until it is released. */
  follow(): Execution {
    const { api } = this.runtime
    const event = this.readyEvent()
    return { isDone: () => api.isReady(event), release: () => api.destroyEvent(event) }
  }

  /** Waits until the tensor is computed. Blocks JavaScript meanwhile. */
  wait(): void {
    this.assertUsable()
    this.runtime.api.awaitEvent(this.readyEvent())
  }

  private readyEvent(): bigint {
    const args = new Struct(ARGS.Buffer_ReadyEvent)
    args.set('buffer', this.handle.pointer)
    this.runtime.api.call('Buffer_ReadyEvent', args)
    return args.get('event')
  }

  /** Waits until the tensor is computed and copies it to the host, row-major. Blocks JavaScript meanwhile. */
  read(): ArrayBuffer {
    const destination = hostMemory(this.byteLength)
    this.readInto(new Uint8Array(destination))
    return destination
  }

  /** Like {@link read}, into memory of the caller's: a view of exactly `byteLength` bytes. */
  readInto(view: ArrayBufferView): void {
    if (view.byteLength !== this.byteLength) {
      throw new XlaError(`${specToString(this.spec)} takes ${this.byteLength} bytes; the view has ${view.byteLength}`)
    }
    withPinned(view, () => this.runtime.api.awaitEvent(this.startRead(view)))
  }

  /** Like {@link read}, without blocking. The buffer may be disposed while the read is under way. */
  async readAsync(): Promise<ArrayBuffer> {
    const destination = hostMemory(this.byteLength)
    const event = this.startRead(new Uint8Array(destination))
    if (event !== 0n) {
      await this.runtime.background(withPinnedAsync(destination, () => this.runtime.events.wait(event)))
    }
    return destination
  }

  /** Gives the device memory back; safe while a computation that uses it is in flight. Harmless a second time. */
  dispose(): void {
    this.runtime.handles.release(this.handle)
  }

  /** Records that an execution has taken this buffer's memory for a result: it cannot be used again. */
  markDonated(): void {
    if (this.isDisposed) return
    this.donated = true
    this.dispose()
  }

  /** Throws unless the buffer can be used, saying why not. `what` names it in the message. */
  assertUsable(what = 'The buffer'): void {
    if (!this.isDisposed) return
    const reason = this.donated
      ? 'was donated to an earlier execution, which took its memory'
      : this.runtime.isDisposed
        ? 'belongs to a client that has been disposed'
        : 'has been disposed'
    throw new XlaError(`${what} (${specToString(this.spec)}) ${reason}`, 'FAILED_PRECONDITION')
  }

  /** Starts the copy to the host and returns its event, 0 when there is nothing to copy. */
  private startRead(view: ArrayBufferView): bigint {
    this.assertUsable()
    // An empty destination has no address: PJRT would take the call for a question about the size.
    if (this.byteLength === 0) return 0n
    const args = this.runtime.readArgs
    args.set('src', this.handle.pointer)
    args.set('dst', addressOf(view))
    args.set('dst_size', BigInt(this.byteLength))
    args.set('event', 0n)
    this.runtime.api.call('Buffer_ToHostBuffer', args)
    return args.get('event')
  }
}

/** Host memory that is not zeroed first: every byte is about to be written. */
function hostMemory(bytes: number): ArrayBuffer {
  try {
    return Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer
  } catch (cause) {
    throw new XlaError(`Reading ${formatBytes(bytes)} to the host: there is no memory for them`, 'RESOURCE_EXHAUSTED', {
      cause,
    })
  }
}
