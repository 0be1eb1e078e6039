export { type DeviceKind, XlaBackend } from './backend'
export type { Node } from './graph/graph'
export { type BinaryOp, type Comparison, Hlo, type ReduceOp } from './graph/hlo'
export type { ElementType, TensorType } from './graph/types'
export {
  cacheDirectory,
  type FindPluginOptions,
  findPlugin,
  findPlugins,
  type InstallOptions,
  installHint,
  installPlugin,
  type PluginInfo,
  PluginInstallError,
  PluginNotFoundError,
} from './install/index'
export { type JitFunction, type JitOptions, jit } from './jit'
export { defineXlaKernel, type Lowering, type LoweringContext } from './kernels/index'
export { XlaError, type XlaErrorCode } from './pjrt/index'
export { type RegisterOptions, registerXla } from './register'
