import type { EngineDevice } from '../load-engine'

/** The engines that the doctor tries, in the order in which `loadEngine()` does. */
export const PROBED_ENGINES = ['xla', 'tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] as const
export type ProbedEngine = (typeof PROBED_ENGINES)[number]

export const isProbedEngine = (name: string): name is ProbedEngine =>
  (PROBED_ENGINES as readonly string[]).includes(name)

/** What an engine did in a few seconds, in GFLOP/s, results read back; medians, on an idle machine good to a tenth or so. */
export interface EngineSpeed {
  /** Square float32 matrix products. */
  readonly matmul: number
  /** Rows and columns of the matrices. */
  readonly matmulSize: number
  /** `conv1d` of 512 to 512 channels, kernel 3, stride 2 (as in speech encoders): forward and both gradients. */
  readonly conv1d: number
  /** Time steps of its input. */
  readonly conv1dSteps: number
}

/** What came of trying an engine in a process of its own. */
export interface EngineFinding {
  readonly engine: ProbedEngine
  /**
   * `absent`: not installed; `unusable`: it refused, with {@link error}; `crashed`: the process that loaded it died; `timeout`:
   * it did not answer.
   */
  readonly status: 'works' | 'absent' | 'unusable' | 'crashed' | 'timeout'
  /** Engine, version and device in words. */
  readonly description?: string
  readonly device?: EngineDevice
  /** Milliseconds from nothing to the first result. */
  readonly startMs?: number
  readonly speed?: EngineSpeed
  /** Why it does not work. */
  readonly error?: string
}

/** What `babble-engine doctor` found: plain data, as `--json` prints it. */
export interface EngineDiagnosis {
  readonly node: string
  readonly platform: string
  readonly processors: number
  /** Whether NVIDIA's driver is loaded. */
  readonly nvidia: boolean
  readonly engines: readonly EngineFinding[]
  /** The engine that `loadEngine()` takes, of those that were tried; undefined when none works. */
  readonly taken: ProbedEngine | undefined
  /** The xla engine in detail, as `tfjs-xla doctor --json` prints it. */
  readonly xla?: unknown
  /** What to do next, most useful first. */
  readonly advice: readonly string[]
}
