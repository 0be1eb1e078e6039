import {
  backend_util,
  type DataId,
  type DataType,
  engine,
  KernelBackend,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core'
import { compileCached, type DiskCache } from './disk-cache/index'
import { EagerProgram } from './eager'
import type { DenseEntry, Entry } from './entry'
import type { Node } from './graph/graph'
import { Hlo } from './graph/hlo'
import { elementOf, sameShape, sizeOf, type TensorType, tfDtype } from './graph/types'
import type { DeviceKind } from './install/catalogue'
import { hostRead } from './jit/errors'
import { assertFitsHost } from './memory-limit'
import type { Partitioning, PjrtClient, PjrtExecutable } from './pjrt/index'
import { ProgramCache } from './program-cache'
import { type HostValues, Storage } from './storage'
import type { Trace } from './trace'

export type { DeviceKind }

/** Values as TensorFlow.js hands them to a backend and takes them back. */
type BackendValues = HostValues | Uint8Array[]

/** What {@link XlaBackend.memory} adds to `tf.memory()`. */
export interface XlaMemory {
  unreliable: boolean
  /** Bytes of all tensors that lie in the device's memory, those of compiled functions' constants included. */
  numBytesOnDevice: number
}

/** Compiled programs that nothing holds and that are kept in case they are wanted again. */
const IDLE_PROGRAMS = 256

/** Bytes of values that are copied to the device when they are written rather than when they are first used. */
const UPLOADED_AT_ONCE = 1 << 20

/**
 * The TensorFlow.js backend `xla`. Kernels record StableHLO; reading a tensor compiles and runs what has been recorded.
 * Inside {@link jit} the record belongs to the trace instead.
 */
export class XlaBackend extends KernelBackend {
  readonly #entries = new Map<DataId, Entry>()
  readonly #programs = new ProgramCache((...program) => this.#compile(...program), IDLE_PROGRAMS)
  readonly #eager = new EagerProgram()
  #trace: Trace | undefined
  /** Memory that the program started last will fill. */
  #newest: Storage | undefined

  constructor(
    readonly client: PjrtClient,
    readonly device: DeviceKind,
    readonly description: string,
    /** Where compiled programs are kept for later processes. */
    readonly diskCache?: DiskCache,
  ) {
    super()
  }

  /** Programs compiled so far. */
  get compileCount(): number {
    return this.#programs.compileCount
  }

  /** The trace being recorded, if any. */
  get trace(): Trace | undefined {
    return this.#trace
  }

  set trace(trace: Trace | undefined) {
    this.#trace = trace
  }

  /** Builder over the program being recorded. */
  get hlo(): Hlo {
    return new Hlo(this.#trace?.graph ?? this.#eager.graph)
  }

  // --- Values of kernels -------------------------------------------------------------------------------------------

  entry(dataId: DataId): Entry {
    // A tensor made on another backend is brought here, as TensorFlow.js does between its own.
    if (!this.#entries.has(dataId) && engine().state.tensorInfo.has(dataId)) engine().moveData(this, dataId)
    const entry = this.#entries.get(dataId)
    if (!entry) throw new Error('this tensor is disposed.')
    return entry
  }

  #dense(dataId: DataId): DenseEntry {
    const entry = this.entry(dataId)
    if (entry.kind !== 'dense')
      throw new TypeError(
        `this operation takes float32, int32 and bool tensors on the xla backend, not ${entry.dtype}.`,
      )
    return entry
  }

  /** Called before a kernel is recorded: runs earlier eager work where that is sensible. */
  beforeKernel(inputs: Iterable<TensorInfo | undefined | null>): void {
    if (this.#trace) return
    const isPending = ({ dataId }: TensorInfo) => {
      const entry = this.#entries.get(dataId)
      return entry?.kind === 'dense' && !entry.storage
    }
    if (this.#eager.cutsBefore(inputs, isPending)) this.flush()
  }

  /** The recorded value of a tensor. */
  value(info: TensorInfo): Node {
    const node = this.#valueOf(this.#dense(info.dataId))
    // TF.js reshapes in place at times: the data id keeps its shape, the tensor has another.
    return this.hlo.reshape(node, info.shape)
  }

  #valueOf(entry: DenseEntry): Node {
    const trace = this.#trace
    if (entry.node && entry.trace && !trace?.isWithin(entry.trace)) {
      throw new Error(
        `a tensor made inside ${entry.trace.label} is used outside of it. Return it from the function instead: values inside a trace exist only while it is recorded.`,
      )
    }
    return this.#valueIn(trace, entry)
  }

  #valueIn(trace: Trace | undefined, entry: DenseEntry): Node {
    const graph = trace?.graph ?? this.#eager.graph
    if (entry.node?.graph === graph) return entry.node
    if (trace?.isRegion) {
      const constant = entry.storage && entry.trace && trace.isWithin(entry.trace) && trace.constant(entry.storage)
      return constant || trace.import(this.#valueIn(trace.parent, entry))
    }
    if (!entry.storage) this.flush()
    const storage = this.#computed(entry)
    if (trace) return trace.capture(storage, entry.trace !== undefined)
    return this.#eager.read(storage)
  }

  /** Makes a tensor of a recorded value. */
  makeOutput(node: Node): TensorInfo {
    const dtype = tfDtype(node.type.element)
    const entry: DenseEntry = { kind: 'dense', type: node.type, dtype, refCount: 1, node, trace: this.#trace }
    if (!this.#trace) this.#eager.add(entry)
    return this.#register(entry, node.type.shape)
  }

  /** Makes a tensor of memory. */
  makeStored(storage: Storage): TensorInfo {
    const { type } = storage
    const dtype = tfDtype(type.element)
    storage.owners++
    this.#newest = storage
    return this.#register({ kind: 'dense', type, dtype, refCount: 1, storage, trace: this.#trace }, type.shape)
  }

  /** Makes a complex64 tensor of copies (sharing memory) of its parts, both of float32 and of one shape. */
  makeComplex(real: TensorInfo, imag: TensorInfo): TensorInfo {
    const [ownReal, ownImag] = [this.share(real), this.share(imag)]
    const trace = this.#trace
    return this.#register(
      { kind: 'complex', dtype: 'complex64', refCount: 1, real: ownReal, imag: ownImag, trace },
      real.shape,
    )
  }

  /** Makes another tensor with the same value, and the same memory, under a data id of its own. */
  share(info: TensorInfo): TensorInfo {
    const entry = this.entry(info.dataId)
    if (entry.kind === 'strings') return this.#register({ ...entry, refCount: 1 }, info.shape)
    if (entry.kind === 'complex') return { ...this.makeComplex(entry.real, entry.imag), shape: info.shape }
    return entry.storage && !this.#trace && sameShape(entry.type.shape, info.shape)
      ? this.makeStored(entry.storage)
      : this.makeOutput(this.value(info))
  }

  #register(entry: Entry, shape: readonly number[], dataId: DataId = {}): TensorInfo {
    this.#entries.set(dataId, entry)
    return { dataId, shape: [...shape], dtype: entry.dtype }
  }

  // --- Values of the host ------------------------------------------------------------------------------------------

  override write(values: unknown, shape: number[], dtype: DataType): DataId {
    const dataId = {}
    this.move(dataId, values, shape, dtype, 1)
    return dataId
  }

  override move(dataId: DataId, values: unknown, shape: number[], dtype: DataType, refCount: number): void {
    if (values === null || values === undefined)
      throw new Error('the xla backend needs the values of a tensor that is written.')
    const common = { dtype, refCount, trace: this.#trace }
    const count = (values as BackendValues).length / (dtype === 'complex64' ? 2 : 1)
    if (count !== sizeOf(shape)) throw new Error(`${count} values do not fill a tensor of shape [${shape}].`)
    if (dtype === 'string') {
      this.#register({ ...common, kind: 'strings', values: values as Uint8Array[] }, shape, dataId)
    } else if (dtype === 'complex64') {
      const parts = backend_util.splitRealAndImagArrays(values as Float32Array)
      const [real, imag] = [parts.real, parts.imag].map((part) => this.#info(this.write(part, shape, 'float32'), shape))
      this.#register({ ...common, kind: 'complex', real: real!, imag: imag! }, shape, dataId)
    } else {
      const type: TensorType = { element: elementOf(dtype), shape: [...shape] }
      const storage = Storage.onHost(type, util.toTypedArray(values as Float32Array, dtype as 'float32') as HostValues)
      storage.owners++
      // Large values go to the device at once, so that the host's copy can be collected: a model is made parameter by parameter.
      // While tracing they stay, as they may be constants of the program; so they do where there are several devices, among which a
      // batch is cut on the host.
      const atOnce = !this.#trace && this.client.deviceCount === 1 && storage.byteLength > UPLOADED_AT_ONCE
      if (atOnce) storage.buffer(this.client)
      this.#register({ ...common, kind: 'dense', type, storage }, shape, dataId)
    }
  }

  #info(dataId: DataId, shape: number[]): TensorInfo {
    return { dataId, shape, dtype: this.#entries.get(dataId)!.dtype }
  }

  override readSync(dataId: DataId): BackendValues {
    const entry = this.entry(dataId)
    if (entry.kind === 'strings') return entry.values
    if (entry.kind === 'dense') return this.#readable(entry).readSync(this.client)
    const [real, imag] = [entry.real, entry.imag].map((part) => this.readSync(part.dataId) as Float32Array)
    return backend_util.mergeRealAndImagArrays(real!, imag!)
  }

  override async read(dataId: DataId): Promise<BackendValues> {
    const entry = this.entry(dataId)
    if (entry.kind === 'strings') return entry.values
    if (entry.kind === 'dense') return this.#readable(entry).read(this.client)
    const parts = [entry.real, entry.imag].map((part) => this.read(part.dataId) as Promise<Float32Array>)
    const [real, imag] = await Promise.all(parts)
    return backend_util.mergeRealAndImagArrays(real!, imag!)
  }

  #readable(entry: DenseEntry): Storage {
    if (entry.storage) return entry.storage
    if (entry.trace) throw hostRead(entry.trace)
    this.flush()
    return this.#computed(entry)
  }

  #computed(entry: DenseEntry): Storage {
    if (!entry.storage)
      throw new Error('this tensor could not be computed: the program that it was part of failed before.')
    return entry.storage
  }

  /** The device or host memory of a tensor, computed first if it is still pending. */
  storageOf(info: TensorInfo): Storage {
    const storage = this.#readable(this.#dense(info.dataId))
    if (sameShape(storage.type.shape, info.shape)) return storage
    // Other backends reshape without a new data id; a tensor brought from one may have another shape than its memory.
    return Storage.onHost({ element: storage.type.element, shape: info.shape }, storage.readSync(this.client))
  }

  /** Replaces the memory behind a data id that nothing else shares. */
  replaceStorage(dataId: DataId, storage: Storage): void {
    const entry = this.#dense(dataId)
    if (entry.storage) this.disown(entry.storage)
    storage.owners++
    this.#newest = storage
    entry.storage = storage
    entry.node = undefined
  }

  // --- Programs ----------------------------------------------------------------------------------------------------

  /** Runs all recorded eager work whose results are still held. */
  flush(): void {
    this.#newest = this.#eager.run(this.client, this.#programs) ?? this.#newest
  }

  /** Compiles a program, or finds it among those compiled before; it is kept until it is discarded. */
  compile(text: string, outputs: readonly TensorType[], partitioning?: Partitioning): PjrtExecutable {
    return this.#programs.acquire(text, outputs, partitioning)
  }

  /** Says that one user of a compiled program is done with it. */
  discard(text: string): void {
    this.#programs.release(text)
  }

  #compile(text: string, types: readonly TensorType[], partitioning?: Partitioning): PjrtExecutable {
    const outputs = types.map(({ element, shape }) => ({ type: element as 'f32', dims: shape }))
    const { client, diskCache: cache } = this
    const program = compileCached({ client, cache, text, outputs, ...(partitioning && { options: { partitioning } }) })
    try {
      if (this.device === 'cpu') assertFitsHost(program)
    } catch (error) {
      program.dispose()
      throw error
    }
    return program
  }

  // --- Memory ------------------------------------------------------------------------------------------------------

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.#entries.get(dataId)
    if (!entry) return true
    noteChange(entry)
    entry.refCount--
    if (!force && entry.refCount > 0) return false
    this.#entries.delete(dataId)
    if (entry.kind === 'complex') {
      this.disposeData(entry.real.dataId, true)
      this.disposeData(entry.imag.dataId, true)
    } else if (entry.kind === 'dense') {
      this.#eager.drop(entry)
      if (entry.storage) this.disown(entry.storage)
    }
    return true
  }

  /** Says that one owner of a memory is done with it; without any, it is freed, after the pending program that reads it. */
  disown(storage: Storage): void {
    storage.owners--
    if (storage.owners > 0) return
    if (storage.pendingReads) this.#eager.takeOver(storage)
    else storage.release()
  }

  override refCount(dataId: DataId): number {
    return this.#entries.get(dataId)?.refCount ?? 0
  }

  override incRef(dataId: DataId): void {
    const entry = this.entry(dataId)
    noteChange(entry)
    entry.refCount++
  }

  override numDataIds(): number {
    return this.#entries.size
  }

  /** Bytes of all live buffers in the device's memory. */
  get deviceBytes(): number {
    return this.client.liveBytes
  }

  override memory(): XlaMemory {
    return { unreliable: false, numBytesOnDevice: this.deviceBytes }
  }

  override timerAvailable(): boolean {
    return true
  }

  /** Milliseconds that `run` takes, with the work that it records. `run` has been called when this returns its promise. */
  override async time(run: () => void): Promise<{ kernelMs: number }> {
    this.#finish()
    const start = performance.now()
    run()
    this.#finish()
    return { kernelMs: performance.now() - start }
  }

  /** Runs recorded work and waits until the device has done all that it was given. */
  #finish(): void {
    if (this.#trace) return
    this.flush()
    this.#newest?.wait()
    this.#newest = undefined
  }

  override floatPrecision(): 16 | 32 {
    return 32
  }

  override epsilon(): number {
    return 1e-7
  }

  override dispose(): void {
    this.#programs.clear()
    for (const entry of this.#entries.values()) if (entry.kind === 'dense') entry.storage?.release()
    this.#entries.clear()
    this.client.dispose()
  }
}

/** To be called before the number of tensors that share an entry changes. */
const noteChange = (entry: Entry): void => {
  if (entry.kind === 'dense') entry.storage?.noteChange()
}
