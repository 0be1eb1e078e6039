import { printType, type TensorType } from './graph/types'
import type { PjrtBuffer, PjrtClient } from './pjrt/index'

export type HostValues = Float32Array | Int32Array | Uint8Array

/** Larger values are not kept on the host once they are on the device: they would take their memory twice. */
const KEPT_ON_HOST = 4096

let changes = 0

const NO_BUFFERS: readonly PjrtBuffer[] = []

/**
 * The memory of one tensor: on the host, on the device, or both. Several TF.js tensors and pending programs may share
 * one; `owners` counts the tensors.
 */
export class Storage {
  #owners = 0
  #pendingReads = false
  #watched = false
  #buffer: PjrtBuffer | undefined
  /** Copies on the devices after the first, for programs that run on several. */
  #copies: readonly PjrtBuffer[] = NO_BUFFERS
  /** Equal parts along axis 0, one a device. */
  #parts: readonly PjrtBuffer[] = NO_BUFFERS
  #host: HostValues | undefined

  private constructor(readonly type: TensorType) {}

  /** Counts the changes in who uses a watched storage, and as what. While it stands still, a program can be run on them again unseen. */
  static get changes(): number {
    return changes
  }

  /** Lets changes in who uses this storage be counted, until the first. */
  watch(): void {
    this.#watched = true
  }

  get isWatched(): boolean {
    return this.#watched
  }

  /** To be called before anything else but the programs that watch it comes to use this storage, or one of its users goes. */
  noteChange(): void {
    if (!this.#watched) return
    this.#watched = false
    changes++
  }

  /** Tensors that have this memory. */
  get owners(): number {
    return this.#owners
  }

  set owners(count: number) {
    this.noteChange()
    this.#owners = count
  }

  /** Set while a recorded program that has not run yet reads this storage. */
  get pendingReads(): boolean {
    return this.#pendingReads
  }

  set pendingReads(pending: boolean) {
    this.noteChange()
    this.#pendingReads = pending
  }

  static onHost(type: TensorType, values: HostValues): Storage {
    const storage = new Storage(type)
    storage.#host = values
    return storage
  }

  static onDevice(type: TensorType, buffer: PjrtBuffer): Storage {
    const storage = new Storage(type)
    storage.#buffer = buffer
    return storage
  }

  /** Memory that is whole on each of several devices, the first ones. */
  static onDevices(type: TensorType, [first, ...copies]: readonly PjrtBuffer[]): Storage {
    const storage = Storage.onDevice(type, first!)
    storage.#copies = copies
    return storage
  }

  /** Says that the device buffer has got new values: what was copied of the old ones is void. */
  renewed(): this {
    this.#host = undefined
    this.#releaseCopies()
    return this
  }

  get host(): HostValues | undefined {
    return this.#host
  }

  get byteLength(): number {
    return this.#buffer?.byteLength ?? this.#host?.byteLength ?? 0
  }

  /** The device buffer, uploaded on first use. */
  buffer(client: PjrtClient): PjrtBuffer {
    if (this.#buffer?.isDisposed)
      throw new Error(`internal: ${printType(this.type)} was used after its memory was given away.`)
    if (!this.#buffer) {
      this.#buffer = client.bufferFromHost(this.#host!, { type: this.type.element as 'f32', dims: this.type.shape })
      if (this.#buffer.byteLength > KEPT_ON_HOST) this.#host = undefined
    }
    return this.#buffer
  }

  /** The whole tensor on each of the first `devices` devices, copied there on first use. */
  copies(client: PjrtClient, devices: number): readonly PjrtBuffer[] {
    this.noteChange()
    const first = this.buffer(client)
    const missing = Array.from({ length: Math.max(0, devices - 1 - this.#copies.length) }, (_, i) => {
      const device = 1 + this.#copies.length + i
      return this.#host ? client.bufferFromHost(this.#host, first.spec, { device }) : client.copyToDevice(first, device)
    })
    if (missing.length > 0) this.#copies = [...this.#copies, ...missing]
    return [first, ...this.#copies.slice(0, devices - 1)]
  }

  /** The tensor cut into equal parts along axis 0, one on each of the first `devices` devices. */
  parts(client: PjrtClient, devices: number): readonly PjrtBuffer[] {
    if (this.#parts.length === devices) return this.#parts
    this.noteChange()
    for (const part of this.#parts) part.dispose()
    const [rows = 1, ...rest] = this.type.shape
    const spec = { type: this.type.element as 'f32', dims: [rows / devices, ...rest] }
    const values = this.readSync(client)
    const length = values.length / devices
    this.#parts = Array.from({ length: devices }, (_, device) =>
      client.bufferFromHost(values.subarray(device * length, (device + 1) * length), spec, { device }),
    )
    return this.#parts
  }

  /** Waits until the memory holds its values. */
  wait(): void {
    if (this.#buffer && !this.#buffer.isDisposed) this.#buffer.wait()
  }

  /** The values, on the host; the returned array may be shared and must not be written to. */
  readSync(client: PjrtClient): HostValues {
    if (this.#host) return this.#host
    return this.#view(this.buffer(client).read())
  }

  async read(client: PjrtClient): Promise<HostValues> {
    if (this.#host) return this.#host
    return this.#view(await this.buffer(client).readAsync())
  }

  #view(bytes: ArrayBuffer): HostValues {
    if (this.type.element === 'i1') return new Uint8Array(bytes)
    return this.type.element === 'i32' ? new Int32Array(bytes) : new Float32Array(bytes)
  }

  /** Called after a program took the device memory over: nothing may read it any more. */
  release(): void {
    this.noteChange()
    this.#buffer?.dispose()
    this.#buffer = undefined
    this.#releaseCopies()
    this.#host = undefined
  }

  #releaseCopies(): void {
    for (const buffer of this.#copies) buffer.dispose()
    for (const buffer of this.#parts) buffer.dispose()
    this.#copies = NO_BUFFERS
    this.#parts = NO_BUFFERS
  }
}
