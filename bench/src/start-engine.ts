import { type Engine, type EngineName, loadEngine } from '@babble/core'
import type { ContestantKey, Settings } from './settings'
import type { StepFiles } from './step-files'

/** Contestants that run Babble itself, and the engine of each. */
const engines: Partial<Record<ContestantKey, EngineName>> = { ours: 'xla', wasm: 'wasm', 'tfjs-node': 'tensorflow' }

/** What a process that runs Babble is started with, as its one argument. */
export interface WorkerArguments extends Settings {
  readonly contestant: ContestantKey
  /** Step benchmark only. */
  readonly step?: StepFiles
}

/**
 * Starts the contestant's engine for the run's device and precision.
 *
 * @throws Error when it has no such device or precision: a contestant must not run as something that it is not.
 */
export const startEngine = async ({ contestant, device, precision }: WorkerArguments): Promise<Engine> => {
  const backend = engines[contestant]
  if (!backend) throw new Error(`"${contestant}" does not run on a TensorFlow.js engine.`)
  if (backend === 'wasm' && device !== 'cpu') throw new Error('this engine runs on the CPU only.')
  if (precision !== 'float32' && backend !== 'xla')
    throw new Error(`this engine computes in float32 only, not in ${precision}.`)
  const engine = await loadEngine({ backend, device, quiet: true })
  if (engine.device !== device) throw new Error(`this engine runs on ${engine.device}, not on ${device}.`)
  return engine
}
