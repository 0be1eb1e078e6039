import '@babble/tfjs-backend-xla/gradients'
import { installHint, registerXla } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { BabbleError } from '../errors'
import { registerCoreKernelsForXla } from '../ops/xla/index'
import { completeWasmKernels } from './wasm-kernels'

/** `tensorflow` is the name under which `@tensorflow/tfjs-node` and `-gpu` register themselves. */
export type EngineName = 'xla' | 'tensorflow' | 'wasm' | 'cpu'
export type EngineDevice = 'cpu' | 'cuda'

export interface LoadEngineOptions {
  /** Which engine; `auto` (default) takes the fastest that loads: xla, tfjs-node(-gpu), wasm, cpu. */
  readonly backend?: 'auto' | EngineName
  /** Which device; `auto` (default) prefers a GPU. */
  readonly device?: 'auto' | EngineDevice
  /** Do not print which engine was taken. Default false. */
  readonly quiet?: boolean
}

export interface Engine {
  readonly backend: EngineName
  readonly device: EngineDevice
  /** One line for people: engine, version and device. */
  readonly description: string
}

/** No engine of the kind asked for could be loaded. */
export class EngineError extends BabbleError {}

const faster = `The fast engine needs a PJRT plugin. ${installHint()}`

const loadXla = async (device: 'auto' | EngineDevice): Promise<Engine> => {
  const backend = await registerXla({ device })
  registerCoreKernelsForXla()
  return { backend: 'xla', device: backend.device, description: backend.description }
}

const loadTensorFlow = async (): Promise<Engine> => {
  const failures: unknown[] = []
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await import(name)
      if (await tf.setBackend('tensorflow')) {
        const device = name.endsWith('gpu') ? 'cuda' : 'cpu'
        return { backend: 'tensorflow', device, description: `TensorFlow.js ${name}` }
      }
    } catch (error) {
      failures.push(error)
    }
  }
  throw new EngineError('neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node could be loaded.', {
    cause: failures,
  })
}

const loadPortable = async (name: 'wasm' | 'cpu'): Promise<Engine> => {
  if (name === 'wasm') {
    await import('@tensorflow/tfjs-backend-wasm')
    completeWasmKernels()
  } else await import('@tensorflow/tfjs-backend-cpu')
  if (!(await tf.setBackend(name))) throw new EngineError(`the TensorFlow.js backend "${name}" did not start.`)
  await tf.ready()
  return { backend: name, device: 'cpu', description: `TensorFlow.js ${name} (portable, slow). ${faster}` }
}

const loaders: Record<EngineName, (device: 'auto' | EngineDevice) => Promise<Engine>> = {
  xla: loadXla,
  tensorflow: () => loadTensorFlow(),
  wasm: () => loadPortable('wasm'),
  cpu: () => loadPortable('cpu'),
}

/**
 * Chooses and starts the engine that TensorFlow.js ops run on, and says which one it took.
 *
 * @throws EngineError when the engine asked for cannot start; with `auto`, only when none can.
 */
export const loadEngine = async (options: LoadEngineOptions = {}): Promise<Engine> => {
  const { backend = 'auto', device = 'auto', quiet = false } = options
  const candidates: EngineName[] = backend === 'auto' ? ['xla', 'tensorflow', 'wasm', 'cpu'] : [backend]
  const failures: string[] = []
  for (const name of candidates) {
    try {
      const engine = await loaders[name](device)
      if (!quiet) console.error(`Engine: ${engine.description}`)
      return engine
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new EngineError(`no engine could be started.\n  ${failures.join('\n  ')}`, { field: 'backend', cure: faster })
}
