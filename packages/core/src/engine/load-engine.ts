import '@babble/tfjs-backend-xla/gradients'
import { findPlugin, installHint, installPlugin, registerXla } from '@babble/tfjs-backend-xla'
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
  /** Fetch XLA's CPU plugin with pip, once for this user, where there is no plugin. Default false. */
  readonly install?: boolean
  /** Do not print which engine was taken, and why not a faster one. Default false. */
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

const loadXla = async ({ device = 'auto', install = false, quiet = false }: LoadEngineOptions): Promise<Engine> => {
  if (install && device !== 'cuda' && !findPlugin({ device })) {
    await installPlugin('cpu', { onProgress: (message) => quiet || console.error(`  ${message}`) })
  }
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
  return { backend: name, device: 'cpu', description: `TensorFlow.js ${name} (portable, slow)` }
}

const loaders: Record<EngineName, (options: LoadEngineOptions) => Promise<Engine>> = {
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
  const { backend = 'auto', quiet = false } = options
  const all: EngineName[] = options.device === 'cuda' ? ['xla', 'tensorflow'] : ['xla', 'tensorflow', 'wasm', 'cpu']
  const candidates = backend === 'auto' ? all : [backend]
  const failures: string[] = []
  for (const name of candidates) {
    try {
      const engine = await loaders[name](options)
      if (!quiet) {
        // Why the fast engine was passed over; that tfjs-node is not installed is nothing to report.
        const passedOver = failures.filter((failure) => failure.startsWith('xla'))
        for (const failure of passedOver) console.error(`Not taken: ${failure}`)
        console.error(`Engine: ${engine.description}`)
      }
      return engine
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new EngineError(`no engine could be started.\n  ${failures.join('\n  ')}`, { field: 'backend', cure: faster })
}
