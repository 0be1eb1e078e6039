export { type CompiledFunction, type CompileOptions, compile } from './compile'
export {
  type Engine,
  type EngineDevice,
  EngineError,
  type EngineName,
  type LoadEngineOptions,
  loadEngine,
} from './load-engine'
