import { createOptionsFor, type DeviceOptions } from './device-options'
import { kernelModuleVersion } from './doctor/nvidia-smi'
import { NVIDIA_PLUGINS } from './install/catalogue'
import type { DeviceKind, PluginInfo } from './install/index'
import { openNvidiaLibraries } from './nvidia-libraries'
import { type DistributedOptions, PjrtClient, XlaError } from './pjrt/index'

/** Names by which plugins call their platforms. */
const PLATFORMS: Readonly<Record<string, DeviceKind>> = {
  cpu: 'cpu',
  host: 'cpu',
  cuda: 'cuda',
  rocm: 'rocm',
  sycl: 'oneapi',
  oneapi: 'oneapi',
  tpu: 'tpu',
  mps: 'metal',
  metal: 'metal',
}

/**
 * Why a driver cannot run a CUDA plugin, undefined where it can or that is not known. Asked before anything is loaded:
 * the libraries of one CUDA cannot be replaced by another's in the same process.
 */
export function driverProblem(pluginPath: string, driver: string | undefined): string | undefined {
  const plugin = NVIDIA_PLUGINS.find(({ name }) => pluginPath.includes(name))
  const major = Number.parseInt(driver ?? '', 10)
  if (!plugin || !(major < plugin.driver)) return undefined
  const older = NVIDIA_PLUGINS.find((other) => major >= other.driver)
  const instead = older ? `, or install the plugin for an older CUDA: npx tfjs-xla install ${older.name}` : ''
  return `The plugin ${plugin.name} needs NVIDIA's driver ${plugin.driver} or newer; this machine has ${driver}. Update it${instead}.`
}

/**
 * Loads a plugin with the libraries beside it and opens its devices.
 *
 * @throws XlaError when it does not load, is too old, or finds no device.
 */
export function openPlugin(
  plugin: PluginInfo,
  options: DeviceOptions & { readonly deviceCount?: number; readonly distributed?: DistributedOptions } = {},
): PjrtClient {
  if (plugin.kind === 'cuda') {
    const problem = driverProblem(plugin.path, kernelModuleVersion())
    if (problem) throw new XlaError(problem, 'FAILED_PRECONDITION')
    openNvidiaLibraries(plugin.path)
  }
  const { deviceCount, distributed } = options
  return PjrtClient.create(plugin.path, {
    createOptions: createOptionsFor(plugin.kind, options),
    ...(deviceCount !== undefined && { deviceCount }),
    ...(distributed && { distributed }),
  })
}

/** The kind of device that a client drives. */
export function kindOfClient(plugin: PluginInfo, platformName: string): DeviceKind {
  return PLATFORMS[platformName.toLowerCase()] ?? plugin.kind ?? 'cpu'
}
