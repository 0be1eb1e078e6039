export {
  checkpoint,
  cond,
  formatProfile,
  type Precision,
  type ProfileRow,
  type ProgramProfile,
  scan,
  whileLoop,
} from '@babble/tfjs-backend-xla'
export { type CompiledFunction, type CompileOptions, compile } from './compile'
export { EngineBuildError, EngineError } from './errors'
export {
  type Engine,
  type EngineChoice,
  type EngineDevice,
  type EngineName,
  type LoadEngineOptions,
  loadEngine,
} from './load-engine'
export {
  type BuildProgress,
  type BuildTfjsNodeOptions,
  buildTfjsNode,
  type TfjsNodeBuild,
  type TfjsNodeVariant,
} from './tfjs-node/index'
