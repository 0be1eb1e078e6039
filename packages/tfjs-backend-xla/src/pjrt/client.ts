import { Buffer } from 'node:buffer'
import { basename } from 'node:path'
import { type ApiVersion, PjrtApi } from './api'
import { PjrtBuffer } from './buffer'
import { encodeCompileOptions } from './compile-options'
import { type CreateOptionValue, encodeCreateOptions } from './create-options'
import { elementTypeCode, specByteLength, specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'
import { PjrtExecutable } from './executable'
import { ARGS, STRUCTS } from './layouts'
import { addressOf, canCompileInBackground, copyBytes, readString, Struct, withPinned, withPinnedAsync } from './native'
import { Runtime } from './runtime'
import { parseSignature } from './signature'

export interface ClientOptions {
  /** Devices to make (CPU) or to use (others). Default: one on the CPU, the plugin's choice elsewhere. */
  readonly deviceCount?: number
  /** The plugin's own create options by name, e.g. `{ memory_fraction: 0.8 }` for NVIDIA. */
  readonly createOptions?: Readonly<Record<string, CreateOptionValue>>
}

export interface ProgramOptions {
  /** An encoded `CompileOptionsProto`, see `encodeCompileOptions`. Default: one device, XLA's defaults. */
  readonly compileOptions?: Uint8Array
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
  readonly deviceCount: number
  private readonly runtime: Runtime
  private readonly devices: BigUint64Array
  private readonly uploadArgs = new Struct(ARGS.Client_BufferFromHostBuffer)
  private readonly uploadDims = new BigInt64Array(64)
  private readonly emptySource = new BigUint64Array(1)
  private constructor(api: PjrtApi, pointer: bigint) {
    this.runtime = new Runtime(api, pointer)
    this.apiVersion = api.version
    this.platformName = this.text('Client_PlatformName', 'platform_name')
    this.platformVersion = this.text('Client_PlatformVersion', 'platform_version')
    const devices = new Struct(ARGS.Client_AddressableDevices)
    devices.set('client', pointer)
    api.call('Client_AddressableDevices', devices)
    this.deviceCount = devices.getNumber('num_addressable_devices')
    this.devices = new BigUint64Array(copyBytes(devices.get('addressable_devices'), 8 * this.deviceCount))
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
    const encoded = encodeCreateOptions(createOptions)
    const args = new Struct(ARGS.Client_Create)
    args.set('create_options', encoded.address)
    args.set('num_options', BigInt(encoded.count))
    withPinned(encoded, () => api.call('Client_Create', args))
    return new PjrtClient(api, args.get('client'))
  }

  /** Compiles a StableHLO program; `outputs` are the types of its results. Blocks JavaScript meanwhile. */
  compile(mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions): PjrtExecutable {
    const { request, signature } = this.prepareCompile(mlir, options)
    withPinned(request, () => this.runtime.api.call('Client_Compile', request.args))
    return new PjrtExecutable(this.runtime, request.args.get('executable'), signature, outputs)
  }

  /** Like {@link compile}, on a background thread. */
  async compileAsync(mlir: string, outputs: readonly TensorSpec[], options?: ProgramOptions): Promise<PjrtExecutable> {
    // XLA's compiler overflows koffi's default background stack.
    if (!canCompileInBackground()) return this.compile(mlir, outputs, options)
    const { request, signature } = this.prepareCompile(mlir, options)
    const { runtime } = this
    const work = async () => {
      await withPinnedAsync(request, () => runtime.api.callAsync('Client_Compile', request.args))
      const executable = new PjrtExecutable(runtime, request.args.get('executable'), signature, outputs)
      if (runtime.isDisposed) executable.dispose()
      runtime.assertOpen()
      return executable
    }
    return runtime.background(work())
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
    args.set('device', this.device(options?.device ?? 0))
    const source = byteLength === 0 ? this.emptySource : data
    withPinned(source, () => {
      args.set('data', addressOf(source))
      this.runtime.api.call('Client_BufferFromHostBuffer', args)
    })
    this.runtime.api.destroyEvent(args.get('done_with_host_buffer'))
    return new PjrtBuffer(this.runtime, args.get('buffer'), spec, byteLength)
  }

  get isDisposed(): boolean {
    return this.runtime.isDisposed
  }

  /** Buffers and programs of this client that have not been freed. */
  get liveObjectCount(): number {
    return this.runtime.handles.size
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

  private prepareCompile(mlir: string, options?: ProgramOptions) {
    this.runtime.assertOpen()
    const signature = parseSignature(mlir)
    return { signature, request: new CompileRequest(this.runtime.client, mlir, options?.compileOptions) }
  }

  private device(index: number): bigint {
    const device = this.devices[index]
    if (device === undefined) throw new XlaError(`There is no device ${index}; this client has ${this.deviceCount}`)
    return device
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

/** `PJRT_HostBufferSemantics_kImmutableOnlyDuringCall` */
const IMMUTABLE_ONLY_DURING_CALL = 0

/** The arguments of one compilation and the memory they point to. */
class CompileRequest {
  readonly args = new Struct(ARGS.Client_Compile)
  private readonly program = new Struct(STRUCTS.Program)
  /** Held, not used: the program and the options are read from here. */
  readonly memory: readonly Uint8Array[]

  constructor(client: bigint, mlir: string, compileOptions = encodeCompileOptions()) {
    const code = Buffer.from(mlir, 'utf8')
    const format = Buffer.from('mlir', 'utf8')
    this.memory = [code, format, compileOptions]
    this.program.set('code', addressOf(code))
    this.program.set('code_size', BigInt(code.byteLength))
    this.program.set('format', addressOf(format))
    this.program.set('format_size', BigInt(format.byteLength))
    this.args.set('client', client)
    this.args.set('program', this.program.address)
    this.args.set('compile_options', addressOf(compileOptions))
    this.args.set('compile_options_size', BigInt(compileOptions.byteLength))
  }
}
