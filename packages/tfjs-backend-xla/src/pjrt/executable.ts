import { PjrtBuffer } from './buffer'
import { elementTypeFromCode, sameSpec, specByteLength, specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'
import type { NativeHandle } from './handle'
import { ARGS, STRUCTS } from './layouts'
import { addressOf, copyBytes, readString, Struct } from './native'
import type { Runtime } from './runtime'
import type { ProgramSignature } from './signature'

export interface ExecuteOptions {
  /** Indices of inputs that keep their memory in this call although the program declares them donated. */
  readonly nonDonatable?: readonly number[]
}

/** Memory a compiled program needs, in bytes, as XLA's compiler counts it. */
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

/** A compiled program, loaded on its device. */
export class PjrtExecutable {
  /** The name of the program's module. */
  readonly name: string
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** Indices of the inputs whose memory an execution takes. */
  readonly donatedInputs: readonly number[]
  private readonly runtime: Runtime
  private readonly handle: NativeHandle
  private readonly outputBytes: readonly number[]

  // Everything an execution passes to PJRT is allocated once: the call is then little more than filling in pointers.
  private readonly args = new Struct(ARGS.LoadedExecutable_Execute)
  private readonly options = new Struct(STRUCTS.ExecuteOptions)
  private readonly inputPointers: BigUint64Array
  private readonly outputPointers: BigUint64Array
  /** The two lists of lists, one entry each: this runs on one device. */
  private readonly lists = new BigUint64Array(2)
  private readonly keptIndices: BigInt64Array
  private readonly isDonated: Uint8Array
  private readonly executeFunction: (args: bigint) => bigint | null

  /** @internal Takes charge of a `PJRT_LoadedExecutable`. */
  constructor(runtime: Runtime, pointer: bigint, signature: ProgramSignature, outputs: readonly TensorSpec[]) {
    this.runtime = runtime
    this.inputs = signature.inputs
    this.donatedInputs = signature.donated
    this.outputs = outputs
    this.outputBytes = outputs.map(specByteLength)
    this.handle = runtime.handles.adopt(pointer, 'LoadedExecutable_Destroy', this)
    try {
      this.name = this.withExecutable((executable) => {
        checkOutputs(runtime, executable, outputs)
        return executableName(runtime, executable)
      })
    } catch (error) {
      this.dispose()
      throw error
    }
    this.inputPointers = new BigUint64Array(Math.max(1, this.inputs.length))
    this.outputPointers = new BigUint64Array(Math.max(1, outputs.length))
    this.keptIndices = new BigInt64Array(Math.max(1, this.inputs.length))
    this.isDonated = new Uint8Array(this.inputs.length)
    for (const index of this.donatedInputs) this.isDonated[index] = 1
    this.lists[0] = addressOf(this.inputPointers)
    this.lists[1] = addressOf(this.outputPointers)
    const lists = addressOf(this.lists)
    this.options.set('non_donatable_input_indices', addressOf(this.keptIndices))
    this.args.set('executable', pointer)
    this.args.set('options', this.options.address)
    this.args.set('argument_lists', lists)
    this.args.set('output_lists', lists + 8n)
    this.args.set('num_devices', 1n)
    this.args.set('num_args', BigInt(this.inputs.length))
    this.executeFunction = runtime.api.function('LoadedExecutable_Execute')
  }

  get isDisposed(): boolean {
    return this.handle.pointer === 0n
  }

  /**
   * Starts the program and returns its results, without waiting for them to be computed. Inputs that the program
   * donates are gone afterwards, except those named in `nonDonatable`.
   */
  execute(inputs: readonly PjrtBuffer[], options?: ExecuteOptions): PjrtBuffer[] {
    this.assertUsable()
    const kept = options?.nonDonatable
    this.setInputs(inputs)
    this.setKept(kept)
    if (this.donatedInputs.length > 0) this.checkDonations(inputs, kept)
    this.outputPointers.fill(0n)
    const error = this.executeFunction(this.args.address)
    if (error) throw this.runtime.api.takeError(error)
    for (const index of this.donatedInputs) if (!kept?.includes(index)) inputs[index]!.markDonated()
    const results: PjrtBuffer[] = new Array(this.outputs.length)
    for (let i = 0; i < results.length; i++) {
      results[i] = new PjrtBuffer(this.runtime, this.outputPointers[i]!, this.outputs[i]!, this.outputBytes[i]!)
    }
    return results
  }

  /** What the compiled program needs in device memory. */
  memoryStats(): CompiledMemoryStats {
    this.assertUsable()
    return this.withExecutable((executable) => {
      const args = new Struct(ARGS.Executable_GetCompiledMemoryStats)
      args.set('executable', executable)
      this.runtime.api.call('Executable_GetCompiledMemoryStats', args)
      return {
        generatedCode: args.getNumber('generated_code_size_in_bytes'),
        arguments: args.getNumber('argument_size_in_bytes'),
        outputs: args.getNumber('output_size_in_bytes'),
        aliased: args.getNumber('alias_size_in_bytes'),
        temporaries: args.getNumber('temp_size_in_bytes'),
        peak: args.getNumber('peak_memory_in_bytes'),
      }
    })
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

  private setInputs(inputs: readonly PjrtBuffer[]): void {
    const expected = this.inputs
    if (inputs.length !== expected.length) {
      throw new XlaError(`The program '${this.name}' takes ${expected.length} inputs, not ${inputs.length}`)
    }
    for (let i = 0; i < expected.length; i++) {
      const input = inputs[i]!
      const pointer = input.pointer
      if (pointer === 0n) input.assertUsable(`Input ${i} of '${this.name}'`)
      if (!sameSpec(input.spec, expected[i]!)) {
        const [given, wanted] = [specToString(input.spec), specToString(expected[i]!)]
        throw new XlaError(`Input ${i} of '${this.name}' is ${given}; the program takes ${wanted}`)
      }
      if (!input.belongsTo(this.runtime)) throw new XlaError(`Input ${i} of '${this.name}' is of another client`)
      this.inputPointers[i] = pointer
    }
  }

  private setKept(kept: readonly number[] | undefined): void {
    const count = kept?.length ?? 0
    if (count > this.inputs.length) throw new XlaError('nonDonatable names more inputs than there are')
    for (let i = 0; i < count; i++) {
      const index = kept![i]!
      if (!(index >= 0 && index < this.inputs.length)) throw new XlaError(`nonDonatable: there is no input ${index}`)
      this.keptIndices[i] = BigInt(index)
    }
    this.options.set('num_non_donatable_input_indices', BigInt(count))
  }

  /** A buffer given twice cannot be donated: the other use would read memory that is being overwritten. */
  private checkDonations(inputs: readonly PjrtBuffer[], kept: readonly number[] | undefined): void {
    const donated = new Map<PjrtBuffer, number>()
    for (const index of this.donatedInputs) if (!kept?.includes(index)) donated.set(inputs[index]!, index)
    for (let i = 0; i < inputs.length; i++) {
      const index = donated.get(inputs[i]!)
      if (index !== undefined && index !== i) {
        throw new XlaError(`Inputs ${i} and ${index} of '${this.name}' are one buffer, and input ${index} is donated`)
      }
    }
  }

  private withExecutable<T>(use: (executable: bigint) => T): T {
    const { api } = this.runtime
    const args = new Struct(ARGS.LoadedExecutable_GetExecutable)
    args.set('loaded_executable', this.handle.pointer)
    api.call('LoadedExecutable_GetExecutable', args)
    const executable = args.get('executable')
    try {
      return use(executable)
    } finally {
      const destroy = new Struct(ARGS.Executable_Destroy)
      destroy.set('executable', executable)
      api.call('Executable_Destroy', destroy)
    }
  }
}

function executableName({ api }: Runtime, executable: bigint): string {
  const args = new Struct(ARGS.Executable_Name)
  args.set('executable', executable)
  api.call('Executable_Name', args)
  return readString(args.get('executable_name'), args.get('executable_name_size'))
}

/** Compares what the caller expects of the program with what XLA says it returns: results are typed by the former. */
function checkOutputs({ api }: Runtime, executable: bigint, expected: readonly TensorSpec[]): void {
  const types = new Struct(ARGS.Executable_OutputElementTypes)
  types.set('executable', executable)
  api.call('Executable_OutputElementTypes', types)
  const count = types.getNumber('num_output_types')
  if (count !== expected.length) throw new XlaError(`The program returns ${count} results, not ${expected.length}`)
  const codes = new Int32Array(copyBytes(types.get('output_types'), 4 * count))
  const dimensions = new Struct(ARGS.Executable_OutputDimensions)
  dimensions.set('executable', executable)
  api.call('Executable_OutputDimensions', dimensions)
  const ranks = new BigUint64Array(copyBytes(dimensions.get('dim_sizes'), 8 * count))
  const total = ranks.reduce((sum, rank) => sum + Number(rank), 0)
  const dims = new BigInt64Array(copyBytes(dimensions.get('dims'), 8 * total))
  let next = 0
  for (let i = 0; i < count; i++) {
    const shape = [...dims.subarray(next, next + Number(ranks[i]))].map(Number)
    next += shape.length
    const type = elementTypeFromCode(codes[i]!)
    if (!type) throw new XlaError(`Result ${i} of the program has a type that cannot be read (${codes[i]})`)
    const actual = { type, dims: shape }
    if (!sameSpec(actual, expected[i]!)) {
      throw new XlaError(
        `Result ${i} of the program is ${specToString(actual)}, not ${specToString(expected[i]!)} as declared`,
      )
    }
  }
}
