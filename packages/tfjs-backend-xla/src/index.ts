export { type DeviceKind, XlaBackend } from './backend'
export {
  checkpoint,
  cond,
  type ScanOptions,
  StructureError,
  scan,
  type WhileLoopOptions,
  whileLoop,
} from './control'
export type { DeviceOptions } from './device-options'
export type { ProgramCacheOptions } from './disk-cache/index'
export { type ProcessGroup, processGroupFromEnvironment } from './distributed/index'
export {
  type DiagnoseOptions,
  type Diagnosis,
  diagnose,
  type NvidiaReport,
  type PluginReport,
  printDiagnosis,
  type SpeedReport,
} from './doctor/index'
export type { Node } from './graph/graph'
export { type BinaryOp, type Comparison, Hlo, type ReduceOp } from './graph/hlo'
export type { ElementType, TensorType } from './graph/types'
export {
  cacheDirectory,
  DEVICE_KINDS,
  type FindPluginOptions,
  findPlugin,
  findPlugins,
  hasNvidiaGpu,
  type InstallOptions,
  type InstallProgress,
  installHint,
  installPlugin,
  type PluginInfo,
  PluginInstallError,
  PluginNotFoundError,
  type PluginSource,
} from './install/index'
export * as wheels from './install/wheels'
export { assertMaxTraces, HostReadError, type JitFunction, type JitOptions, jit, TooManyTracesError } from './jit'
export { HostKernelError } from './kernels/host/errors'
export { defineXlaKernel, type Lowering, type LoweringContext } from './kernels/index'
export { XlaError, type XlaErrorCode } from './pjrt/index'
export type { Precision } from './precision/index'
export { formatProfile, type ProfileRow, type ProgramProfile } from './profile/index'
export { type RegisterOptions, registerXla } from './register'
