import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import * as tf from '@tensorflow/tfjs-core'
import { isCompleteDirectory } from '../../checkpoint/index'
import { EngineError, EngineMissingError } from '../errors'
import { PARTS, type TfjsNodeVariant } from './catalogue'
import { registerConv1dForTensorFlow } from './conv1d-kernels'
import { findProjectPackage, tfjsNodePlace } from './place'
import { repairUtil, shareTfjsCore } from './shared-core'

/** What the addon offers, as far as it is used here. */
interface Addon {
  readonly TF_Version: string
  isUsingGpuDevice(): boolean
}

/** tfjs-node as it runs in this process. */
export interface LoadedTfjsNode {
  readonly variant: TfjsNodeVariant
  readonly usesGpu: boolean
  /** Undefined when the package was loaded by the program itself. */
  readonly tensorflowVersion: string | undefined
  /** Where it was found. */
  readonly origin: 'program' | 'project' | 'cache'
}

interface NodeBackend extends tf.KernelBackend {
  readonly binding: Addon
  readonly isGPUPackage: boolean
  readonly isUsingGpuDevice: boolean
}

export interface LoadTfjsNodeOptions {
  /** Default: the user's cache folder. */
  readonly cacheDirectory?: string | undefined
  /** Keep NVIDIA GPUs from TensorFlow (and whatever in this process looks for them later). Default false. */
  readonly hideGpu?: boolean
}

let origin: LoadedTfjsNode['origin'] = 'program'

/**
 * Registers TensorFlow.js's backend `tensorflow`: the one that the program has loaded already, else the first variant that
 * is there, in the project (installed, with its addon) or in the cache (built by `babble-engine build tfjs-node`).
 *
 * @throws EngineError when there is none, or none loads.
 */
export const loadTfjsNode = async (
  variants: readonly TfjsNodeVariant[],
  options: LoadTfjsNodeOptions = {},
): Promise<LoadedTfjsNode> => {
  // TensorFlow's own chatter about instruction sets; its warnings and errors stay.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1'
  if (options.hideGpu && !tf.findBackendFactory('tensorflow')) process.env.CUDA_VISIBLE_DEVICES = ''
  if (!tf.findBackendFactory('tensorflow')) await register(variants, options.cacheDirectory)
  if (!(await tf.setBackend('tensorflow')))
    throw new EngineError('the TensorFlow.js backend "tensorflow" did not start.')
  const backend = tf.backend() as NodeBackend
  const variant = backend.isGPUPackage ? 'gpu' : 'cpu'
  if (!variants.includes(variant)) {
    throw new EngineError(
      `this process runs ${PARTS[variant].package.name} already, and a process holds one TensorFlow only.`,
    )
  }
  registerConv1dForTensorFlow()
  return {
    variant,
    usesGpu: backend.isUsingGpuDevice,
    tensorflowVersion: (backend.binding as Addon | undefined)?.TF_Version,
    origin,
  }
}

const register = async (variants: readonly TfjsNodeVariant[], cache: string | undefined): Promise<void> => {
  const failures: Error[] = []
  for (const variant of variants) {
    for (const attempt of [fromProject, fromCache]) {
      try {
        if (await attempt(variant, cache)) return
      } catch (error) {
        failures.push(error as Error)
      }
    }
  }
  const names = variants.map((variant) => PARTS[variant].package.name).join(' nor ')
  const commands = variants.map((variant) => `npx babble-engine build tfjs-node${variant === 'gpu' ? ' --gpu' : ''}`)
  const cure = `Build it with \`${commands.join('` or `')}\`.`
  if (failures.length === 0) {
    const message =
      variants.length > 1 ? `neither ${names} is here with an addon.` : `${names} is not here with an addon.`
    throw new EngineMissingError(message, { cure })
  }
  const why = failures.map(({ message }) => message.split('\n')[0]).join('; ')
  throw new EngineError(`${names} did not load: ${why}.`, { cure: `${cure} --force builds it again.`, cause: failures })
}

const fromProject = async (variant: TfjsNodeVariant): Promise<boolean> => {
  const found = findProjectPackage(variant)
  if (!found?.hasAddon) return false
  repairUtil()
  createRequire(join(found.folder, 'package.json'))(found.folder)
  if (!tf.findBackendFactory('tensorflow')) {
    throw new EngineError(`it uses another copy of TensorFlow.js than this program.`, { file: found.folder })
  }
  origin = 'project'
  return true
}

const fromCache = async (variant: TfjsNodeVariant, cache: string | undefined): Promise<boolean> => {
  const place = tfjsNodePlace(variant, cache)
  if (!(await isCompleteDirectory(place.build))) return false
  shareTfjsCore()
  const require = createRequire(join(place.build, 'index.js'))
  const addon = require(place.addon) as Addon
  require(join(place.build, 'package', 'dist', 'register_all_kernels.js'))
  const { NodeJSKernelBackend } = require(join(place.build, 'package', 'dist', 'nodejs_kernel_backend.js')) as {
    NodeJSKernelBackend: new (addon: Addon, packageName: string) => tf.KernelBackend
  }
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(addon, PARTS[variant].package.name), 3)
  origin = 'cache'
  return true
}
