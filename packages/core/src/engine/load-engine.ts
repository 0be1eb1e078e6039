import '@babble/tfjs-backend-xla/gradients'
import {
  type DeviceKind,
  findPlugin,
  hasNvidiaGpu,
  installHint,
  installPlugin,
  type RegisterOptions,
  registerXla,
} from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { registerCoreKernelsForXla } from '../ops/xla/index'
import { EngineError } from './errors'
import { buildTfjsNode, loadTfjsNode, type TfjsNodeVariant } from './tfjs-node/index'
import { completeWasmKernels } from './wasm-kernels'

/** Names of TensorFlow.js backends; `tensorflow` is the one of `@tensorflow/tfjs-node` and `-gpu`. */
export type EngineName = 'xla' | 'tensorflow' | 'wasm' | 'cpu'
/** Engines that can be asked for: a backend, or one of the two packages that provide `tensorflow`. */
export type EngineChoice = EngineName | 'tfjs-node' | 'tfjs-node-gpu'
export type EngineDevice = DeviceKind

export interface LoadEngineOptions {
  /** Which engine; `auto` (default) takes the fastest that loads: xla, tfjs-node-gpu, tfjs-node, wasm, cpu. */
  readonly backend?: 'auto' | EngineChoice
  /** Which device; `auto` (default) prefers a GPU. */
  readonly device?: 'auto' | EngineDevice
  /**
   * Fetch what is missing, once for this user: XLA's CPU plugin with pip; for `tfjs-node` and `tfjs-node-gpu`, when asked for
   * by name, what `babble-engine build` fetches and compiles. Default false.
   */
  readonly install?: boolean
  /** More for `registerXla`: a plugin, how much of a GPU's memory to take, … No other engine reads it. */
  readonly xla?: Omit<RegisterOptions, 'device'>
  /** Do not print which engine was taken, and why not a faster one. Default false. */
  readonly quiet?: boolean
}

export interface Engine {
  readonly backend: EngineName
  readonly device: EngineDevice
  /** One line for people: engine, version and device. */
  readonly description: string
}

const faster = `The fast engine needs a PJRT plugin. ${installHint()}`

const progressOf = (quiet: boolean) => ({ onProgress: (message: string) => quiet || console.error(`  ${message}`) })

const loadXla = async ({
  device = 'auto',
  install = false,
  quiet = false,
  xla,
}: LoadEngineOptions): Promise<Engine> => {
  if (install && (device === 'auto' || device === 'cpu') && !findPlugin({ device })) {
    await installPlugin('cpu', progressOf(quiet))
  }
  const backend = await registerXla({ ...xla, device })
  registerCoreKernelsForXla()
  return { backend: 'xla', device: backend.device, description: backend.description }
}

/** Which of the two packages may serve, best first: the CUDA build runs on the CPU too. */
const variantsFor = (choice: EngineChoice, device: 'auto' | EngineDevice): TfjsNodeVariant[] => {
  if (choice === 'tfjs-node-gpu' || device === 'cuda') return ['gpu']
  if (choice === 'tfjs-node') return ['cpu']
  return device === 'auto' && hasNvidiaGpu() ? ['gpu', 'cpu'] : ['cpu', 'gpu']
}

const loadTensorFlow = async (
  choice: EngineChoice,
  { device = 'auto', install = false, quiet = false }: LoadEngineOptions,
): Promise<Engine> => {
  if (device !== 'auto' && device !== 'cpu' && device !== 'cuda') {
    throw new EngineError(`tfjs-node runs on the CPU and on NVIDIA GPUs, not on "${device}".`, { field: 'device' })
  }
  if (choice === 'tfjs-node' && device === 'cuda') {
    throw new EngineError('tfjs-node runs on the CPU; tfjs-node-gpu is the one for NVIDIA GPUs.', { field: 'device' })
  }
  const variants = variantsFor(choice, device)
  if (install && choice !== 'tensorflow') await buildTfjsNode({ gpu: choice === 'tfjs-node-gpu', ...progressOf(quiet) })
  const { variant, usesGpu, tensorflowVersion } = await loadTfjsNode(variants, { hideGpu: device === 'cpu' })
  const version = tensorflowVersion === undefined ? '' : ` ${tensorflowVersion}`
  const found = usesGpu ? 'an NVIDIA GPU' : 'the CPU'
  // A GPU was asked for, by the device or by the package's name, and TensorFlow went on without.
  if (!usesGpu && (device === 'cuda' || (choice === 'tfjs-node-gpu' && device === 'auto'))) {
    throw new EngineError(`TensorFlow${version} found no GPU that it can use.`, {
      field: 'device',
      cure: "Look at what it printed and at `npx babble-engine doctor`; `device: 'cpu'` uses the package without a GPU.",
    })
  }
  const name = variant === 'gpu' ? 'tfjs-node-gpu' : 'tfjs-node'
  return {
    backend: 'tensorflow',
    device: usesGpu ? 'cuda' : 'cpu',
    description: `${name}: TensorFlow${version} on ${found}`,
  }
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

const loaders: Record<EngineChoice, (options: LoadEngineOptions) => Promise<Engine>> = {
  xla: loadXla,
  tensorflow: (options) => loadTensorFlow('tensorflow', options),
  'tfjs-node': (options) => loadTensorFlow('tfjs-node', options),
  'tfjs-node-gpu': (options) => loadTensorFlow('tfjs-node-gpu', options),
  wasm: () => loadPortable('wasm'),
  cpu: () => loadPortable('cpu'),
}

/** In the order in which `auto` tries them. */
const automatic = (device: 'auto' | EngineDevice): readonly EngineName[] =>
  device === 'auto' || device === 'cpu'
    ? ['xla', 'tensorflow', 'wasm', 'cpu']
    : device === 'cuda'
      ? ['xla', 'tensorflow']
      : ['xla']

/**
 * Chooses and starts the engine that TensorFlow.js ops run on, and says which one it took.
 *
 * @throws EngineError when the engine asked for cannot start; with `auto`, only when none can.
 */
export const loadEngine = async (options: LoadEngineOptions = {}): Promise<Engine> => {
  const { backend = 'auto', quiet = false } = options
  const candidates = backend === 'auto' ? automatic(options.device ?? 'auto') : [backend]
  const failures: string[] = []
  const causes: unknown[] = []
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
      causes.push(error)
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (backend !== 'auto') {
    throw new EngineError(`the engine asked for could not be started: ${failures[0]}`, {
      field: 'backend',
      cause: causes,
    })
  }
  const message = `no engine could be started.\n  ${failures.join('\n  ')}\n`
  throw new EngineError(message, { field: 'backend', cause: causes, cure: faster })
}
