import { printType, type TensorType } from './graph/types'
import type { PjrtBuffer, PjrtClient } from './pjrt/index'

export type HostValues = Float32Array | Int32Array | Uint8Array

/**
 * The memory of one tensor: on the host, on the device, or both. Several TF.js tensors and pending programs may share
 * one; `owners` counts the tensors.
 */
export class Storage {
  owners = 0
  /** Set while a recorded program that has not run yet reads this storage. */
  pendingReads = false
  #buffer: PjrtBuffer | undefined
  #host: HostValues | undefined

  private constructor(readonly type: TensorType) {}

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
    }
    return this.#buffer
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
    this.#buffer?.dispose()
    this.#buffer = undefined
    this.#host = undefined
  }
}
