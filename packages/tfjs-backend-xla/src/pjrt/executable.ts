import { PjrtBuffer } from './buffer'
import { checkOutputs, executableName, memoryStats, serialize, withExecutable } from './compiled'
import { sameSpec, specByteLength, specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'
import type { NativeHandle } from './handle'
import { HugePages } from './huge-pages'
import { ARGS, STRUCTS } from './layouts'
import { addressOf, Struct } from './native'
import { localSpec, type Partitioning } from './partitioning'
import { ResidentInputs } from './resident-inputs'
import type { Runtime } from './runtime'
import type { ProgramSignature } from './signature'

export interface ExecuteOptions {
  /** Indices of inputs that keep their memory in this call although the program declares them donated. */
  readonly nonDonatable?: readonly number[]
  /**
   * Of each result, the donated input that it continues, or -1: that input's buffer object then stands for the result, which saves making
   * a new one. Their types must be the same. One device only.
   */
  readonly continues?: Int32Array
}

/** Memory a compiled program needs on each device, in bytes, as XLA's compiler counts it. */
export interface CompiledMemoryStats {
  readonly generatedCode: number
  readonly arguments: number
  readonly outputs: number
  /** The part of the outputs that reuses donated arguments. */
  readonly aliased: number
  readonly temporaries: number
  /** 0 where the plugin does not tell. */
  readonly peak: number
}

/** @internal What is known of a program beside its compiled form. */
export interface ProgramDescription {
  readonly signature: ProgramSignature
  readonly outputs: readonly TensorSpec[]
  readonly partitioning?: Partitioning | undefined
  /** Devices of this process that run it. Default 1. */
  readonly deviceCount?: number
}

/** A compiled program, loaded on its device or devices. */
export class PjrtExecutable {
  /** The name of the program's module. */
  readonly name: string
  /** What each device takes: of an argument that is sharded, its part. */
  readonly inputs: readonly TensorSpec[]
  /** What each device gives. */
  readonly outputs: readonly TensorSpec[]
  /** Indices of the inputs whose memory an execution takes. */
  readonly donatedInputs: readonly number[]
  /** Devices of this process that the program runs on. */
  readonly deviceCount: number
  readonly partitioning: Partitioning | undefined
  private readonly runtime: Runtime
  private readonly handle: NativeHandle
  private readonly outputBytes: readonly number[]

  // Everything an execution passes to PJRT is allocated once: the call is then little more than filling in pointers.
  private readonly args = new Struct(ARGS.LoadedExecutable_Execute)
  private readonly options = new Struct(STRUCTS.ExecuteOptions)
  /** The inputs of the first device, then those of the second… */
  private readonly inputPointers: BigUint64Array
  private readonly outputPointers: BigUint64Array
  /** The same two, as words. */
  private readonly inputWords: Uint32Array
  private readonly outputWords: Uint32Array
  /** The two lists of lists, one entry a device each. */
  private readonly lists: BigUint64Array
  private readonly keptIndices: BigInt64Array
  /** Per input: 1 if it is donated, in this call 2 if it keeps its memory all the same. */
  private readonly donation: Uint8Array
  private readonly hugePages: HugePages | undefined
  private readonly executeFunction: (args: bigint) => bigint | null

  /** @internal Takes charge of a `PJRT_LoadedExecutable`. */
  constructor(runtime: Runtime, pointer: bigint, description: ProgramDescription) {
    const { signature, outputs, partitioning, deviceCount = 1 } = description
    this.runtime = runtime
    this.partitioning = partitioning
    this.deviceCount = deviceCount
    this.handle = runtime.handles.adopt(pointer, 'LoadedExecutable_Destroy', this)
    try {
      const devices = partitioning?.devices ?? 1
      this.inputs = signature.inputs.map((spec, i) => localSpec(spec, partitioning?.inputs[i] ?? 'replicated', devices))
      this.outputs = outputs.map((spec, i) => localSpec(spec, partitioning?.outputs[i] ?? 'replicated', devices))
      this.name = withExecutable(runtime, pointer, (executable) => {
        checkOutputs(runtime, executable, this.outputs)
        return executableName(runtime, executable)
      })
    } catch (error) {
      this.dispose()
      throw error
    }
    this.donatedInputs = signature.donated
    this.outputBytes = this.outputs.map(specByteLength)
    const [inputCount, outputCount] = [this.inputs.length, this.outputs.length]
    this.inputPointers = new BigUint64Array(Math.max(1, deviceCount * inputCount))
    this.outputPointers = new BigUint64Array(Math.max(1, deviceCount * outputCount))
    this.inputWords = new Uint32Array(this.inputPointers.buffer)
    this.outputWords = new Uint32Array(this.outputPointers.buffer)
    this.keptIndices = new BigInt64Array(Math.max(1, inputCount))
    this.donation = new Uint8Array(inputCount)
    for (const index of this.donatedInputs) this.donation[index] = 1
    this.lists = new BigUint64Array(2 * deviceCount)
    for (let device = 0; device < deviceCount; device++) {
      this.lists[device] = addressOf(this.inputPointers) + BigInt(8 * device * inputCount)
      this.lists[deviceCount + device] = addressOf(this.outputPointers) + BigInt(8 * device * outputCount)
    }
    const lists = addressOf(this.lists)
    this.options.set('non_donatable_input_indices', addressOf(this.keptIndices))
    this.args.set('executable', pointer)
    this.args.set('options', this.options.address)
    this.args.set('argument_lists', lists)
    this.args.set('output_lists', lists + BigInt(8 * deviceCount))
    this.args.set('num_devices', BigInt(deviceCount))
    this.args.set('num_args', BigInt(inputCount))
    this.hugePages = HugePages.for(this)
    this.executeFunction = runtime.api.function('LoadedExecutable_Execute')
  }

  get isDisposed(): boolean {
    return this.handle.pointer === 0n
  }

  /**
   * Starts a program of one device and returns its results, without waiting for them to be computed. Inputs that the
   * program donates are gone afterwards, except those named in `nonDonatable`.
   */
  execute(inputs: readonly PjrtBuffer[], options?: ExecuteOptions): PjrtBuffer[] {
    return this.executeOnEach([inputs], options)[0]!
  }

  /** Like {@link execute}, on several devices: the inputs and the results of each, in the devices' order. */
  executeOnEach(inputs: readonly (readonly PjrtBuffer[])[], options?: ExecuteOptions): PjrtBuffer[][] {
    this.assertUsable()
    const { deviceCount } = this
    if (inputs.length !== deviceCount) {
      throw new XlaError(
        `The program '${this.name}' runs on ${deviceCount} devices; inputs are given for ${inputs.length}`,
      )
    }
    this.setKept(options?.nonDonatable)
    try {
      for (let device = 0; device < deviceCount; device++) {
        this.setInputs(inputs[device]!, device)
        if (this.donatedInputs.length > 0) this.checkDonations(inputs[device]!)
      }
      this.outputPointers.fill(0n)
      const error = this.executeFunction(this.args.address)
      if (error) throw this.runtime.api.takeError(error)
      const continued =
        options?.continues && deviceCount === 1 ? this.continueInputs(inputs[0]!, options.continues) : undefined
      for (let device = 0; device < deviceCount; device++) {
        for (const index of this.donatedInputs) {
          if (this.donation[index] === DONATED) inputs[device]![index]!.markDonated()
          else if (this.donation[index] === CONTINUED) this.donation[index] = DONATED
        }
      }
      const results = inputs.map((_, device) => this.takeResults(device, continued))
      if (this.hugePages && results[0]![0]) this.hugePages.executionStarted(results[0]![0].follow())
      return results
    } finally {
      for (const index of options?.nonDonatable ?? []) if (this.donation[index] === KEPT) this.donation[index] = DONATED
    }
  }

  /** Lets donated inputs stand for the results that continue them; at the others' places nothing. */
  private continueInputs(inputs: readonly PjrtBuffer[], continues: Int32Array): PjrtBuffer[] {
    const results: PjrtBuffer[] = new Array(continues.length)
    const places: number[] = []
    for (let i = 0; i < continues.length; i++) {
      const index = continues[i]!
      if (index < 0 || this.donation[index] !== DONATED) continue
      this.donation[index] = CONTINUED
      results[i] = inputs[index]!
      places.push(i)
    }
    const slots = Int32Array.from(places, (place) => results[place]!.slot)
    this.runtime.handles.replace(slots, this.outputWords, Int32Array.from(places))
    return results
  }

  /**
   * Prepares for calls with the same buffer objects in all places but `fresh`, each of which the program either only reads or continues, as
   * after a call of {@link execute} with `continues` that returned just them. Whoever asks for it sees to it that they stay usable, and
   * that nothing else uses those that are donated.
   */
  keepResident(inputs: readonly PjrtBuffer[], fresh: readonly number[], continues: Int32Array): ResidentInputs {
    this.assertUsable()
    if (this.deviceCount > 1) throw new XlaError(`'${this.name}' runs on several devices`)
    const buffers = inputs.map((buffer, i) => (fresh.includes(i) ? undefined : buffer))
    const open = this.donatedInputs.find((index) => !buffers[index] || !continues.includes(index))
    if (open !== undefined) throw new XlaError(`Input ${open} of '${this.name}' is donated, and nothing continues it`)
    return new ResidentInputs(this.runtime.handles, buffers, continues)
  }

  /** Like {@link execute}, with resident inputs. Returns those results that continue no input; the others are the inputs. */
  executeResident(resident: ResidentInputs, fresh: readonly [index: number, buffer: PjrtBuffer][]): PjrtBuffer[] {
    this.assertUsable()
    this.setKept(undefined)
    resident.enter(this.inputWords)
    for (const [index, buffer] of fresh) this.setInput(index, buffer, 0)
    this.outputPointers.fill(0n)
    const error = this.executeFunction(this.args.address)
    if (error) throw this.runtime.api.takeError(error)
    resident.renew(this.outputWords)
    const results = resident.newResults.map((i) => this.takeResult(i, 0))
    if (this.hugePages) this.hugePages.executionStarted((results[0] ?? resident.any).follow())
    return results
  }

  /** What the compiled program needs in device memory. */
  memoryStats(): CompiledMemoryStats {
    this.assertUsable()
    return withExecutable(this.runtime, this.handle.pointer, (executable) => memoryStats(this.runtime, executable))
  }

  /**
   * The compiled program as bytes, which `PjrtClient.load` takes back: in the same plugin on the same kind of machine.
   * They hold machine code.
   */
  serialize(): Uint8Array {
    this.assertUsable()
    return withExecutable(this.runtime, this.handle.pointer, (executable) => serialize(this.runtime, executable))
  }

  /** Frees the compiled program; safe while it runs. Harmless a second time. */
  dispose(): void {
    this.runtime.handles.release(this.handle)
  }

  private assertUsable(): void {
    if (!this.isDisposed) return
    const reason = this.runtime.isDisposed ? 'belongs to a client that has been disposed' : 'has been disposed'
    throw new XlaError(`The program '${this.name}' ${reason}`, 'FAILED_PRECONDITION')
  }

  private setInputs(inputs: readonly PjrtBuffer[], device: number): void {
    const expected = this.inputs
    if (inputs.length !== expected.length) {
      throw new XlaError(`The program '${this.name}' takes ${expected.length} inputs, not ${inputs.length}`)
    }
    const first = device * expected.length
    for (let i = 0; i < expected.length; i++) this.setInput(i, inputs[i]!, first)
  }

  private setInput(index: number, input: PjrtBuffer, first: number): void {
    const expected = this.inputs[index]!
    const pointer = input.pointer
    if (pointer === 0n) input.assertUsable(`Input ${index} of '${this.name}'`)
    if (!sameSpec(input.spec, expected)) {
      const [given, wanted] = [specToString(input.spec), specToString(expected)]
      throw new XlaError(`Input ${index} of '${this.name}' is ${given}; the program takes ${wanted}`)
    }
    if (!input.belongsTo(this.runtime)) throw new XlaError(`Input ${index} of '${this.name}' is of another client`)
    this.inputPointers[first + index] = pointer
  }

  private setKept(kept: readonly number[] | undefined): void {
    const count = kept?.length ?? 0
    if (count > this.inputs.length) throw new XlaError('nonDonatable names more inputs than there are')
    for (const index of kept ?? []) {
      if (!(index >= 0 && index < this.inputs.length)) throw new XlaError(`nonDonatable: there is no input ${index}`)
    }
    for (let i = 0; i < count; i++) {
      const index = kept![i]!
      this.keptIndices[i] = BigInt(index)
      if (this.donation[index] === DONATED) this.donation[index] = KEPT
    }
    this.options.set('num_non_donatable_input_indices', BigInt(count))
  }

  /** A buffer given twice cannot be donated: the other use would read memory that is being overwritten. */
  private checkDonations(inputs: readonly PjrtBuffer[]): void {
    const mark = ++lastMark
    for (const index of this.donatedInputs) {
      if (this.donation[index] !== DONATED) continue
      inputs[index]!.donationMark = mark
      inputs[index]!.donationIndex = index
    }
    for (let i = 0; i < inputs.length; i++) {
      const { donationMark, donationIndex } = inputs[i]!
      if (donationMark === mark && donationIndex !== i) {
        throw new XlaError(
          `Inputs ${i} and ${donationIndex} of '${this.name}' are one buffer, and input ${donationIndex} is donated`,
        )
      }
    }
  }

  private takeResults(device: number, results: PjrtBuffer[] = new Array(this.outputs.length)): PjrtBuffer[] {
    for (let i = 0; i < this.outputs.length; i++) results[i] ??= this.takeResult(i, device)
    return results
  }

  private takeResult(index: number, device: number): PjrtBuffer {
    const pointer = this.outputPointers[device * this.outputs.length + index]!
    return new PjrtBuffer(this.runtime, pointer, this.outputs[index]!, this.outputBytes[index]!, device)
  }
}

const DONATED = 1
const KEPT = 2
/** In this call, a result has taken the input's place. */
const CONTINUED = 3

/** Tells the donations of one execution from those of every other, so that nothing has to be cleared between them. */
let lastMark = 0
