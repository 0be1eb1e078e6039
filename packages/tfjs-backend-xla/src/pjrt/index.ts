export type { ApiVersion } from './api'
export { PjrtBuffer } from './buffer'
export {
  type BufferOptions,
  type ClientOptions,
  type DistributedOptions,
  PjrtClient,
  type ProgramOptions,
} from './client'
export { type CompileOptions, encodeCompileOptions } from './compile-options'
export type { CreateOptionValue } from './create-options'
export { type ElementType, specByteLength, specToString, type TensorSpec } from './element-type'
export { XlaError, type XlaErrorCode } from './errors'
export { type CompiledMemoryStats, type ExecuteOptions, PjrtExecutable } from './executable'
export { localSpec, type Partitioning, type Placement } from './partitioning'
export type { ResidentInputs } from './resident-inputs'
