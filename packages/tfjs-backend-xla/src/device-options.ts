import process from 'node:process'
import type { DeviceKind } from './install/index'
import { type CreateOptionValue, XlaError } from './pjrt/index'

/** How much of a GPU this process takes. */
export interface DeviceOptions {
  /**
   * Share of the GPU's memory that XLA's allocator may use, above 0 and at most 1. Default 0.8, or `BABBLE_MEMORY_FRACTION`.
   * The rest is head-room for what allocates by itself: the CUDA context, cuDNN's and cuBLAS's workspaces, NCCL. With
   * too little of it, running out of memory shows as failures of those libraries. Has no meaning on the CPU.
   */
  readonly memoryFraction?: number
  /**
   * Take that share at the start (default, or `BABBLE_PREALLOCATE`): memory does not fragment, and one program has the
   * GPU to itself. With `false` it is taken as it is needed, which suits a GPU shared with other programs; what has
   * once been taken is not given back before the process ends. Has no meaning on the CPU.
   */
  readonly preallocate?: boolean
  /** The GPUs to use, by the driver's numbers; default all. Has no meaning on the CPU. */
  readonly visibleDevices?: readonly number[]
}

const DEFAULT_MEMORY_FRACTION = 0.8

/** XLA's names for the platforms whose plugin is its GPU client. */
const GPU_PLATFORMS: Partial<Record<DeviceKind, string>> = { cuda: 'cuda', rocm: 'ROCM', oneapi: 'SYCL' }

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The plugin's create options for these device options and the environment.
 *
 * @throws XlaError when an option is out of range.
 */
export function createOptionsFor(
  kind: DeviceKind | undefined,
  options: DeviceOptions,
  environment: Environment = process.env,
): Record<string, CreateOptionValue> {
  const memoryFraction = options.memoryFraction ?? fractionFrom(environment) ?? DEFAULT_MEMORY_FRACTION
  const preallocate = options.preallocate ?? booleanFrom(environment) ?? true
  if (!(memoryFraction > 0 && memoryFraction <= 1)) {
    throw new XlaError(`memoryFraction must be above 0 and at most 1, not ${memoryFraction}`)
  }
  const platform = kind && GPU_PLATFORMS[kind]
  if (!platform) return {}
  return {
    platform_name: platform,
    memory_fraction: memoryFraction,
    preallocate,
    ...(options.visibleDevices && { visible_devices: options.visibleDevices }),
  }
}

/** Names of the given options that mean nothing on this kind of device. */
export function ignoredOptions(kind: DeviceKind, options: DeviceOptions): string[] {
  if (GPU_PLATFORMS[kind]) return []
  return (['memoryFraction', 'preallocate', 'visibleDevices'] as const).filter((name) => options[name] !== undefined)
}

function fractionFrom(environment: Environment): number | undefined {
  const text = environment.BABBLE_MEMORY_FRACTION
  if (!text) return undefined
  const value = Number(text)
  if (!(value > 0 && value <= 1)) {
    throw new XlaError(`BABBLE_MEMORY_FRACTION must be a number above 0 and at most 1, not '${text}'`)
  }
  return value
}

function booleanFrom(environment: Environment): boolean | undefined {
  const text = environment.BABBLE_PREALLOCATE
  if (!text) return undefined
  if (/^(1|true|yes|on)$/i.test(text)) return true
  if (/^(0|false|no|off)$/i.test(text)) return false
  throw new XlaError(`BABBLE_PREALLOCATE must be true or false, not '${text}'`)
}
