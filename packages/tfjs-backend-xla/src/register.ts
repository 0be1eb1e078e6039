import { engine, ready, registerBackend, setBackend } from '@tensorflow/tfjs-core'
import { type DeviceKind, XlaBackend } from './backend'
import { findPlugins, installHint, type PluginInfo, PluginNotFoundError } from './install/index'
import { registerKernels } from './kernels/index'
import { PjrtClient } from './pjrt/index'

export interface RegisterOptions {
  /** The plugin to load; default: the first of `findPlugins({ device })` that opens. */
  readonly plugin?: PluginInfo
  /** Default `auto`: a GPU where there is one, else the CPU. */
  readonly device?: 'auto' | DeviceKind
}

/** Opens the first plugin that works. A GPU plugin that finds no usable GPU gives way to the next. */
const open = (plugins: readonly PluginInfo[]): XlaBackend => {
  const failures: string[] = []
  for (const plugin of plugins) {
    try {
      const client = PjrtClient.create(plugin.path)
      const kind: DeviceKind = client.platformName.toLowerCase() === 'cuda' ? 'cuda' : 'cpu'
      const { major, minor } = client.apiVersion
      const version = plugin.version === undefined ? '' : `, plugin ${plugin.version}`
      return new XlaBackend(client, kind, `XLA on ${client.platformName} (PJRT ${major}.${minor}${version})`)
    } catch (error) {
      failures.push(`${plugin.path}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new Error(`no PJRT plugin could be opened.\n  ${failures.join('\n  ')}`)
}

/**
 * Opens a PJRT plugin, registers the TensorFlow.js backend `xla` on its first device and makes it the current one. Where the
 * backend is registered already, it is made the current one again.
 *
 * @throws PluginNotFoundError when there is no plugin for the device.
 */
export const registerXla = async (options: RegisterOptions = {}): Promise<XlaBackend> => {
  const { plugin, device = 'auto' } = options
  if (!engine().registryFactory.xla) {
    const plugins = plugin ? [plugin] : findPlugins({ device })
    if (plugins.length === 0)
      throw new PluginNotFoundError(`no PJRT plugin for device "${device}" was found. ${installHint()}`)
    registerKernels()
    // Opened here and not in the factory, so that what goes wrong reaches the caller.
    const backend = open(plugins)
    registerBackend('xla', () => backend, 4)
  }
  await setBackend('xla')
  await ready()
  return engine().backend as XlaBackend
}
