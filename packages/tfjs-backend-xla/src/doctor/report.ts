import type { DeviceKind, PluginSource } from '../install/index'

/** What {@link diagnose} found: plain data, as `tfjs-xla doctor --json` prints it. */
export interface Diagnosis {
  /** Whether `registerXla()` would work on this machine as it is: at least one plugin opened a device and computed. */
  readonly usable: boolean
  /** One sentence for people. */
  readonly summary: string
  /** The plugins found, in the order in which `registerXla({ device: 'auto' })` tries them. */
  readonly plugins: readonly PluginReport[]
  /** Index in {@link plugins} of the one that would be used; undefined when none works. */
  readonly used: number | undefined
  readonly system: SystemReport
  /** Undefined where there is no sign of an NVIDIA driver. */
  readonly nvidia: NvidiaReport | undefined
  readonly cache: CacheReport
  /** What to do next, most useful first: installing a faster plugin, a newer driver, … Empty when nothing is to be done. */
  readonly advice: readonly string[]
}

/** One plugin, opened in a process of its own, so that one that crashes is a finding. */
export interface PluginReport {
  /** Absolute path of the library. */
  readonly path: string
  readonly kind: DeviceKind | undefined
  /** Version of the package it came in, where known. */
  readonly version: string | undefined
  readonly source: PluginSource
  /** `unusable`: it refused, with {@link error}; `crashed`: the process that loaded it died; `timeout`: it did not answer. */
  readonly status: 'works' | 'unusable' | 'crashed' | 'timeout'
  /** Why it does not work, with what to do about it. */
  readonly error: string | undefined
  /** PJRT's C API version that the plugin speaks, e.g. `0.115`. */
  readonly apiVersion: string | undefined
  /** The plugin's name for its platform, e.g. `cpu`, `cuda`. */
  readonly platform: string | undefined
  readonly platformVersion: string | undefined
  /** XLA's own version number, where the plugin tells it. */
  readonly xlaVersion: string | undefined
  /** Newest StableHLO the plugin reads, e.g. `1.20.0`. */
  readonly stablehloVersion: string | undefined
  /** Oldest StableHLO the plugin still reads. */
  readonly oldestStablehloVersion: string | undefined
  readonly devices: readonly DeviceReport[]
  /** Undefined when it was not asked for or could not be measured. */
  readonly speed: SpeedReport | undefined
}

export interface DeviceReport {
  readonly index: number
  /** What the plugin calls it, e.g. `NVIDIA H100 80GB HBM3`, `cpu`. */
  readonly kind: string
  /** Memory that XLA may use there, bytes; undefined where the plugin does not tell (the CPU). */
  readonly memoryBytes: number | undefined
}

/** What the device did in a few seconds. On a machine that does other things meanwhile the figures are too low. */
export interface SpeedReport {
  /** Square float32 matrix product, GFLOP/s. */
  readonly matmulF32: number
  /** Square bfloat16 matrix product, accumulated in float32, GFLOP/s; undefined where the plugin refuses bfloat16. */
  readonly matmulBf16: number | undefined
  /** Rows and columns of the matrices multiplied. */
  readonly matmulSize: number
  /** An elementwise op on a large vector: bytes read and written, GB/s. */
  readonly memoryBandwidth: number
  /** Host to device copy of 64 MB, GB/s. */
  readonly hostToDevice: number
  /** Device to host copy of 64 MB, GB/s. */
  readonly deviceToHost: number
  /** From starting a trivial program to having its result, microseconds. */
  readonly dispatchMicroseconds: number
}

export interface SystemReport {
  readonly node: string
  /** e.g. `linux-x64`. */
  readonly platform: string
  /** e.g. `2.36`; undefined where the C library is not glibc. */
  readonly glibc: string | undefined
  readonly cpuModel: string
  /** Processors the operating system reports. */
  readonly processors: number
  /** Processors this process may use (affinity, container limits). */
  readonly availableProcessors: number
  /** Size of XLA's thread pool where `NPROC` or `PJRT_NPROC` sets it. */
  readonly threadsSetting: string | undefined
  /** Vector extensions that decide the speed of matrix products, e.g. `avx2`, `avx512f`, `amx_bf16`; empty where unknown. */
  readonly cpuFeatures: readonly string[]
  readonly memoryBytes: number
  readonly freeMemoryBytes: number
  /** Processes that wanted to run in the last minute, on average; undefined where the system does not tell (Windows). */
  readonly load: number | undefined
  /** The variables that change what is found or how it runs, as far as they are set. */
  readonly environment: Readonly<Record<string, string>>
}

export interface NvidiaReport {
  /** Version of the kernel driver, e.g. `580.65.06`. */
  readonly driver: string | undefined
  /** The newest CUDA that the driver runs, as nvidia-smi says, e.g. `13.0`. */
  readonly driverCuda: string | undefined
  readonly gpus: readonly NvidiaGpu[]
  /** Versions of the NVIDIA libraries beside the plugins found, by package, e.g. `{ 'nvidia-cudnn-cu13': '9.15.1.9' }`. */
  readonly libraries: Readonly<Record<string, string>>
}

export interface NvidiaGpu {
  readonly index: number
  readonly name: string
  /** e.g. `9.0`; undefined where the driver's tool does not tell. */
  readonly computeCapability: string | undefined
  readonly memoryBytes: number
  readonly usedMemoryBytes: number
  readonly processes: readonly NvidiaProcess[]
}

/** A process that holds memory of a GPU. */
export interface NvidiaProcess {
  readonly pid: number
  readonly name: string
  readonly usedMemoryBytes: number | undefined
}

export interface CacheReport {
  readonly folder: string
  /** Bytes on disk of all that is in it; undefined when it does not exist. */
  readonly bytes: number | undefined
  /** Free space of its disk, bytes. */
  readonly freeBytes: number | undefined
}
