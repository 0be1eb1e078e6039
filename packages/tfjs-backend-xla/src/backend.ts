import { type DataId, type DataType, engine, KernelBackend, type TensorInfo, util } from '@tensorflow/tfjs-core'
import { Graph, type Node } from './graph/graph'
import { Hlo } from './graph/hlo'
import { printProgram } from './graph/print'
import { elementOf, sameShape, sizeOf, type TensorType, tfDtype } from './graph/types'
import type { PjrtClient, PjrtExecutable } from './pjrt/index'
import { type HostValues, Storage } from './storage'
import type { Trace } from './trace'

/** What the backend knows about one TF.js data id: its memory, or the recorded op that will compute it. */
export interface Entry {
  readonly type: TensorType
  readonly dtype: DataType
  refCount: number
  storage?: Storage | undefined
  node?: Node | undefined
  /** The trace that was being recorded when the entry was made. */
  readonly trace?: Trace | undefined
}

/** A device as the backend reports it. */
export type DeviceKind = 'cpu' | 'cuda'

/** Compiled programs that nothing uses any more and that are kept in case they are wanted again. */
const IDLE_PROGRAMS = 16

interface CompiledProgram {
  readonly executable: PjrtExecutable
  users: number
}

/** Pending ops beyond which recorded eager work is run without waiting for a read. */
const PENDING_LIMIT = 4000

/**
 * The TensorFlow.js backend `xla`. Kernels record StableHLO; reading a tensor compiles and runs what has been recorded.
 * Inside {@link jit} the record belongs to the trace instead.
 */
export class XlaBackend extends KernelBackend {
  readonly #entries = new Map<DataId, Entry>()
  readonly #pending = new Set<Entry>()
  readonly #deferred = new Set<Storage>()
  readonly #programs = new Map<string, CompiledProgram>()
  #eager = new Graph()
  #trace: Trace | undefined
  #compileCount = 0

  constructor(
    readonly client: PjrtClient,
    readonly device: DeviceKind,
    readonly description: string,
  ) {
    super()
  }

  /** Programs compiled so far. */
  get compileCount(): number {
    return this.#compileCount
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
    return new Hlo(this.#trace?.graph ?? this.#eager)
  }

  entry(dataId: DataId): Entry {
    // A tensor made on another backend is brought here, as TensorFlow.js does between its own.
    if (!this.#entries.has(dataId) && engine().state.tensorInfo.has(dataId)) engine().moveData(this, dataId)
    const entry = this.#entries.get(dataId)
    if (!entry) throw new Error('this tensor is disposed.')
    return entry
  }

  /** The recorded value of a tensor. */
  value(info: TensorInfo): Node {
    const entry = this.entry(info.dataId)
    const node = this.#valueOf(entry)
    // TF.js reshapes in place at times: the data id keeps its shape, the tensor has another.
    return this.hlo.reshape(node, info.shape)
  }

  #valueOf(entry: Entry): Node {
    const trace = this.#trace
    const graph = trace?.graph ?? this.#eager
    if (entry.node?.graph === graph) return entry.node
    if (entry.node && entry.trace) {
      throw new Error(
        `a tensor made inside jit(${entry.trace.name}) is used outside of it. Return it from the function instead: values inside a trace exist only while it is recorded.`,
      )
    }
    if (!entry.storage) this.flush()
    const storage = entry.storage!
    if (trace) return trace.capture(storage, entry.trace === trace)
    storage.pendingReads = true
    entry.node = graph.parameter(storage, entry.type)
    return entry.node
  }

  /** Makes a tensor of a recorded value. */
  makeOutput(node: Node): TensorInfo {
    const dataId = {}
    const dtype = tfDtype(node.type.element)
    const entry: Entry = { type: node.type, dtype, refCount: 1, node, trace: this.#trace }
    this.#entries.set(dataId, entry)
    if (!this.#trace) {
      this.#pending.add(entry)
      if (this.#eager.size > PENDING_LIMIT) this.flush()
    }
    return { dataId, shape: [...node.type.shape], dtype }
  }

  /** Makes a tensor of device memory. */
  makeStored(storage: Storage): TensorInfo {
    const dataId = {}
    const dtype = tfDtype(storage.type.element)
    storage.owners++
    this.#entries.set(dataId, { type: storage.type, dtype, refCount: 1, storage, trace: this.#trace })
    return { dataId, shape: [...storage.type.shape], dtype }
  }

  override write(values: unknown, shape: number[], dtype: DataType): DataId {
    const dataId = {}
    const type: TensorType = { element: elementOf(dtype), shape: [...shape] }
    if (values === null || values === undefined)
      throw new Error('the xla backend needs the values of a tensor that is written.')
    const storage = Storage.onHost(type, util.toTypedArray(values as Float32Array, dtype as 'float32') as HostValues)
    if (storage.host!.length !== sizeOf(shape))
      throw new Error(`${storage.host!.length} values do not fill a tensor of shape [${shape}].`)
    storage.owners++
    this.#entries.set(dataId, { type, dtype, refCount: 1, storage, trace: this.#trace })
    return dataId
  }

  override move(dataId: DataId, values: unknown, shape: number[], dtype: DataType, refCount: number): void {
    const type: TensorType = { element: elementOf(dtype), shape: [...shape] }
    const storage = Storage.onHost(type, util.toTypedArray(values as Float32Array, dtype as 'float32') as HostValues)
    storage.owners++
    this.#entries.set(dataId, { type, dtype, refCount, storage, trace: this.#trace })
  }

  override readSync(dataId: DataId): HostValues {
    return this.#readable(dataId).readSync(this.client)
  }

  override async read(dataId: DataId): Promise<HostValues> {
    return this.#readable(dataId).read(this.client)
  }

  #readable(dataId: DataId): Storage {
    const entry = this.entry(dataId)
    if (entry.storage) return entry.storage
    if (entry.trace) {
      throw new Error(
        `a tensor is read on the host inside jit(${entry.trace.name}), where values are only being recorded. ` +
          'Return the tensor and read it outside, or use ops (tf.where, masks) instead of branching on its value; the stack below names the line.',
      )
    }
    this.flush()
    if (!entry.storage)
      throw new Error('this tensor could not be computed: the program that it was part of failed before.')
    return entry.storage
  }

  /** The device or host memory of a tensor, computed first if it is still pending. */
  storageOf(info: TensorInfo): Storage {
    const storage = this.#readable(info.dataId)
    if (sameShape(storage.type.shape, info.shape)) return storage
    // Other backends reshape without a new data id; a tensor brought from one may have another shape than its memory.
    return Storage.onHost({ element: storage.type.element, shape: info.shape }, storage.readSync(this.client))
  }

  /** Replaces the memory behind a data id that nothing else shares. */
  replaceStorage(dataId: DataId, storage: Storage): void {
    const entry = this.entry(dataId)
    if (entry.storage) this.disown(entry.storage)
    storage.owners++
    entry.storage = storage
    entry.node = undefined
  }

  /** Runs all recorded eager work whose results are still held. */
  flush(): void {
    const entries = [...this.#pending]
    const graph = this.#eager
    this.#pending.clear()
    this.#eager = new Graph()
    const outputs = [...new Set(entries.map((entry) => entry.node!))].filter((node) => node.op !== 'parameter')
    const results = new Map<Node, Storage>()
    if (outputs.length > 0) {
      const { text, parameters } = printProgram(outputs)
      const executable = this.compile(
        text,
        outputs.map((node) => node.type),
      )
      const inputs = parameters.map((node) => (node.source as Storage).buffer(this.client))
      for (const [i, buffer] of executable.execute(inputs).entries()) {
        results.set(outputs[i]!, Storage.onDevice(outputs[i]!.type, buffer))
      }
    }
    for (const entry of entries) {
      const node = entry.node!
      const storage = node.op === 'parameter' ? (node.source as Storage) : results.get(node)!
      storage.owners++
      entry.storage = storage
      entry.node = undefined
    }
    for (const source of graph.sources()) (source as Storage).pendingReads = false
    for (const storage of this.#deferred) if (storage.owners === 0) storage.release()
    this.#deferred.clear()
  }

  /** Compiles a program, or finds it among those compiled before. */
  compile(text: string, outputs: readonly TensorType[]): PjrtExecutable {
    let program = this.#programs.get(text)
    if (!program) {
      const specs = outputs.map(({ element, shape }) => ({ type: element as 'f32', dims: shape }))
      program = { executable: this.client.compile(text, specs), users: 0 }
      this.#compileCount++
      this.#programs.set(text, program)
    }
    program.users++
    return program.executable
  }

  /** Says that one user of a compiled program is done with it; the oldest of many unused programs is freed. */
  discard(text: string): void {
    const program = this.#programs.get(text)
    if (!program || --program.users > 0) return
    // Put last, so that the order is that of falling idle.
    this.#programs.delete(text)
    this.#programs.set(text, program)
    const idle = [...this.#programs].filter(([, { users }]) => users <= 0)
    for (const [key, { executable }] of idle.slice(0, Math.max(0, idle.length - IDLE_PROGRAMS))) {
      executable.dispose()
      this.#programs.delete(key)
    }
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.#entries.get(dataId)
    if (!entry) return true
    entry.refCount--
    if (!force && entry.refCount > 0) return false
    this.#entries.delete(dataId)
    this.#pending.delete(entry)
    if (entry.storage) this.disown(entry.storage)
    return true
  }

  /** Says that one owner of a memory is done with it; without any, it is freed, after the pending program that reads it. */
  disown(storage: Storage): void {
    storage.owners--
    if (storage.owners > 0) return
    if (storage.pendingReads) this.#deferred.add(storage)
    else storage.release()
  }

  override refCount(dataId: DataId): number {
    return this.#entries.get(dataId)?.refCount ?? 0
  }

  override incRef(dataId: DataId): void {
    this.entry(dataId).refCount++
  }

  override numDataIds(): number {
    return this.#entries.size
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false }
  }

  override timerAvailable(): boolean {
    return true
  }

  override async time(run: () => void): Promise<{ kernelMs: number }> {
    this.flush()
    const start = performance.now()
    run()
    this.flush()
    return { kernelMs: performance.now() - start }
  }

  override floatPrecision(): 16 | 32 {
    return 32
  }

  override epsilon(): number {
    return 1e-7
  }

  override dispose(): void {
    for (const { executable } of this.#programs.values()) executable.dispose()
    this.#programs.clear()
    for (const entry of this.#entries.values()) entry.storage?.release()
    this.#entries.clear()
    this.client.dispose()
  }
}
