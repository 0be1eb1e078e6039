import { basename } from 'node:path'
import { type ApiVersion, PjrtApi } from './api'
import { PjrtBuffer } from './buffer'
import { encodeCompileOptions } from './compile-options'
import { CompileRequest } from './compile-request'
import { type CreateOptionValue, encodeCreateOptions } from './create-options'
import { Devices } from './devices'
import { elementTypeCode, specByteLength, specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'
import { PjrtExecutable, type ProgramDescription } from './executable'
import { ARGS } from './layouts'
import {
  addressOf,
  canCompileInBackground,
  readString,
  Struct,
  trimAllocator,
  withPinned,
  withPinnedAsync,
} from './native'
import type { Partitioning } from './partitioning'
import { Runtime } from './runtime'
import { parseSignature } from './signature'

export interface ClientOptions {
  /** Devices to make (CPU) or to use (others). Default: one on the CPU, the plugin's choice elsewhere. */
  readonly deviceCount?: number
  /** The plugin's own create options by name, e.g. `{ memory_fraction: 0.8 }` for NVIDIA. */
  readonly createOptions?: Readonly<Record<string, CreateOptionValue>>
  /** Joins the devices of several processes: this one's place among them, and the store in which they find each other. */
  readonly distributed?: DistributedOptions
}

/** This process among others that open the same plugin. */
export interface DistributedOptions {
  readonly rank: number
  readonly worldSize: number
  /** Addresses of PJRT's key-value callbacks. */
  readonly keyValueStore: { readonly get: bigint; readonly put: bigint; readonly tryGet: bigint }
}

export interface ProgramOptions {
  /** An encoded `CompileOptionsProto`, see `encodeCompileOptions`. Default: one device, XLA's defaults. */
  readonly compileOptions?: Uint8Array
  /** Split the program over several devices; the first ones, unless `compileOptions` says which. */
  readonly partitioning?: Partitioning
}

export interface BufferOptions {
  /** Index of the device that gets the data. Default 0. */
  readonly device?: number
}

/** A PJRT plugin at work: compiles programs, holds tensors and runs the one on the other. */
export class PjrtClient {
  /** The plugin's name for its kind of device: `cpu`, `cuda`, `rocm`… */
  readonly platformName: string
  readonly platformVersion: string
  readonly apiVersion: ApiVersion
  /** Devices of this process. */
  readonly deviceCount: number
  readonly devices: Devices
  /** The file that the plugin was loaded from. */
  readonly pluginPath: string
  private readonly runtime: Runtime
  private partitioningFlags: Readonly<Record<string, boolean>> | undefined
  private readonly uploadArgs = new Struct(ARGS.Client_BufferFromHostBuffer)
  private readonly uploadDims = new BigInt64Array(64)
  private readonly emptySource = new BigUint64Array(1)
  private constructor(api: PjrtApi, pointer: bigint) {
    this.runtime = new Runtime(api, pointer)
    this.apiVersion = api.version
    this.platformName = this.text('Client_PlatformName', 'platform_name')
    this.platformVersion = this.text('Client_PlatformVersion', 'platform_version')
    this.pluginPath = api.path
    this.devices = new Devices(this.runtime)
    this.deviceCount = this.devices.count
  }

  /**
   * Loads a plugin and opens its devices.
   * @throws XlaError when the file is no PJRT plugin, is too old, or finds no device.
   */
  static create(pluginPath: string, options: ClientOptions = {}): PjrtClient {
    const api = PjrtApi.load(pluginPath)
    const createOptions: Record<string, CreateOptionValue> = { ...options.createOptions }
    const { deviceCount } = options
    if (deviceCount !== undefined && !(Number.isSafeInteger(deviceCount) && deviceCount > 0)) {
      throw new XlaError(`deviceCount must be a positive integer, not ${deviceCount}`)
    }
    if (/cpu/i.test(basename(pluginPath))) createOptions.cpu_device_count ??= deviceCount ?? 1
    else if (deviceCount !== undefined)
      createOptions.visible_devices ??= Array.from({ length: deviceCount }, (_, i) => i)
    const { distributed } = options
    const args = new Struct(ARGS.Client_Create)
    if (distributed) {
      createOptions.num_nodes ??= distributed.worldSize
      createOptions.node_id ??= distributed.rank
      args.set('kv_get_callback', distributed.keyValueStore.get)
      args.set('kv_put_callback', distributed.keyValueStore.put)
      args.set('kv_try_get_callback', distributed.keyValueStore.tryGet)
    }
    const encoded = encodeCreateOptions(createOptions)
    args.set('create_options', encoded.address)
    args.set('num_options', BigInt(encoded.count))
    try {
      withPinned(encoded, () => api.call('Client_Create', args))
    } catch (error) {
      if (!distributed || !(error instanceof XlaError) || !/option.*(num_nodes|node_id)/.test(error.message))
        throw error
      const message = `The PJRT plugin ${pluginPath} takes no part in runs of several processes (XLA's CPU plugin does not).`
      throw new XlaError(message, 'UNIMPLEMENTED', { cause: error })
    }
    return new PjrtClient(api, args.get('client'))
  }

  /** Compiles a StableHLO program; `outputs` are the types of its results. Blocks JavaScript meanwhile. */
  compile(mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions): PjrtExecutable {
    const { request, description } = this.prepareCompile(mlir, outputs, options)
    withPinned(request, () => this.runtime.api.call('Client_Compile', request.args))
    if (mlir.length > LARGE_PROGRAM) trimAllocator()
    return new PjrtExecutable(this.runtime, request.args.get('executable'), description)
  }

  /** Like {@link compile}, on a background thread. */
  async compileAsync(mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions): Promise<PjrtExecutable> {
    // XLA's compiler overflows koffi's default background stack.
    if (!canCompileInBackground()) return this.compile(mlir, outputs, options)
    const { request, description } = this.prepareCompile(mlir, outputs, options)
    const { runtime } = this
    const work = async () => {
      await withPinnedAsync(request, () => runtime.api.callAsync('Client_Compile', request.args))
      const executable = new PjrtExecutable(runtime, request.args.get('executable'), description)
      if (runtime.isDisposed) executable.dispose()
      runtime.assertOpen()
      return executable
    }
    return runtime.background(work())
  }

  /**
   * Loads what `PjrtExecutable.serialize` gave for this program, compiled with these options. The bytes are machine
   * code that will be run: take them only from where nobody else can write.
   *
   * @throws XlaError when they come from another version of the plugin, or are damaged in a way that it notices.
   */
  load(serialized: Uint8Array, mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions): PjrtExecutable {
    this.runtime.assertOpen()
    const description = this.describe(mlir, outputs, options)
    const args = new Struct(ARGS.Executable_DeserializeAndLoad)
    args.set('client', this.runtime.client)
    args.set('serialized_executable_size', BigInt(serialized.byteLength))
    withPinned(serialized, () => {
      args.set('serialized_executable', addressOf(serialized))
      this.runtime.api.call('Executable_DeserializeAndLoad', args)
    })
    return new PjrtExecutable(this.runtime, args.get('loaded_executable'), description)
  }

  /** The options that a program is compiled with, encoded. */
  compileOptions({ compileOptions, partitioning }: ProgramOptions = {}): Uint8Array {
    if (compileOptions) return compileOptions
    if (!partitioning) return encodeCompileOptions()
    const { devices: partitions } = partitioning
    if (partitions > this.devices.allIds.length) {
      throw new XlaError(
        `The program runs on ${partitions} devices, and this client has ${this.devices.allIds.length}. ` +
          'Open it with a larger `deviceCount`, or take fewer.',
      )
    }
    this.partitioningFlags ??= this.knowsFlag(HLO_SHARDING_V3) ? { [HLO_SHARDING_V3]: false } : {}
    const devices = this.devices.allIds.slice(0, partitions)
    return encodeCompileOptions({ partitions, devices, shardy: true, flags: this.partitioningFlags })
  }

  /** Copies host memory (row-major) to a device. `data` may be changed as soon as this returns. */
  bufferFromHost(data: ArrayBufferView, spec: TensorSpec, options?: BufferOptions): PjrtBuffer {
    this.runtime.assertOpen()
    const byteLength = specByteLength(spec)
    if (data.byteLength !== byteLength) {
      throw new XlaError(`${specToString(spec)} takes ${byteLength} bytes; the data has ${data.byteLength}`)
    }
    const rank = spec.dims.length
    if (rank > this.uploadDims.length) throw new XlaError(`Tensors have at most ${this.uploadDims.length} dimensions`)
    for (let i = 0; i < rank; i++) this.uploadDims[i] = BigInt(spec.dims[i]!)
    const args = this.uploadArgs
    args.set('client', this.runtime.client)
    args.setInt('type', elementTypeCode(spec.type))
    args.set('dims', addressOf(this.uploadDims))
    args.set('num_dims', BigInt(rank))
    args.setInt('host_buffer_semantics', IMMUTABLE_ONLY_DURING_CALL)
    const device = options?.device ?? 0
    args.set('device', this.devices.pointer(device))
    const source = byteLength === 0 ? this.emptySource : data
    withPinned(source, () => {
      args.set('data', addressOf(source))
      this.runtime.api.call('Client_BufferFromHostBuffer', args)
    })
    this.runtime.api.destroyEvent(args.get('done_with_host_buffer'))
    return new PjrtBuffer(this.runtime, args.get('buffer'), spec, byteLength, device)
  }

  /** Copies a tensor to another device of this process, without waiting for it. */
  copyToDevice(buffer: PjrtBuffer, device: number): PjrtBuffer {
    buffer.assertUsable()
    if (!buffer.belongsTo(this.runtime)) throw new XlaError('The buffer is of another client')
    const args = new Struct(ARGS.Buffer_CopyToDevice)
    args.set('buffer', buffer.pointer)
    args.set('dst_device', this.devices.pointer(device))
    this.runtime.api.call('Buffer_CopyToDevice', args)
    return new PjrtBuffer(this.runtime, args.get('dst_buffer'), buffer.spec, buffer.byteLength, device)
  }

  get isDisposed(): boolean {
    return this.runtime.isDisposed
  }

  /** Buffers and programs of this client that have not been freed. */
  get liveObjectCount(): number {
    return this.runtime.handles.size
  }

  /** Bytes of the tensors of this client, on all its devices. */
  get liveBytes(): number {
    return this.runtime.handles.bytes
  }

  /** Frees every buffer and program of this client and closes it, after the background calls under way. */
  dispose(): void {
    if (this.runtime.isDisposed) return
    this.runtime.isDisposed = true
    this.runtime.onIdle(() => {
      this.runtime.handles.releaseAll()
      const args = new Struct(ARGS.Client_Destroy)
      args.set('client', this.runtime.client)
      this.runtime.api.call('Client_Destroy', args)
    })
  }

  /** Whether the plugin's XLA has a flag; it refuses every program that is compiled with an unknown one. */
  private knowsFlag(name: string): boolean {
    const compileOptions = encodeCompileOptions({ flags: { [name]: false } })
    try {
      this.compile('func.func @main() { return }', [], { compileOptions }).dispose()
      return true
    } catch {
      return false
    }
  }

  private prepareCompile(mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions) {
    this.runtime.assertOpen()
    const description = this.describe(mlir, outputs, options)
    return { description, request: new CompileRequest(this.runtime.client, mlir, this.compileOptions(options)) }
  }

  private describe(mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions): ProgramDescription {
    const partitioning = options?.partitioning
    const ids = this.devices.allIds.slice(0, partitioning?.devices ?? 1)
    const deviceCount = partitioning ? this.devices.countLocal(ids) : 1
    return { signature: parseSignature(mlir), outputs, partitioning, deviceCount }
  }

  private text<Name extends 'platform_name' | 'platform_version'>(
    call: 'Client_PlatformName' | 'Client_PlatformVersion',
    field: Name,
  ): string {
    const args: Struct = new Struct<string>(ARGS[call])
    args.set('client', this.runtime.client)
    this.runtime.api.call(call, args)
    return readString(args.get(field), args.get(`${field}_size`))
  }
}

/** Characters of a program whose compilation leaves much memory behind. */
const LARGE_PROGRAM = 100_000

/** A representation that XLA turns off for programs in text form, with a warning at each one, unless it is off already. */
const HLO_SHARDING_V3 = 'xla_enable_hlo_sharding_v3'

/** `PJRT_HostBufferSemantics_kImmutableOnlyDuringCall` */
const IMMUTABLE_ONLY_DURING_CALL = 0
