import { engine, ready, registerBackend, setBackend } from '@tensorflow/tfjs-core'
import { type DeviceKind, XlaBackend } from './backend'
import { findPlugin, type PluginInfo } from './install/index'
import { registerKernels } from './kernels/index'
import { PjrtClient } from './pjrt/index'

/** No PJRT plugin of the kind asked for is on this machine. */
export class PluginNotFoundError extends Error {
  constructor(device: string) {
    super(
      `no PJRT plugin for device "${device}" was found. Run "npx tfjs-xla install cpu" (Linux x86-64; needs Python's pip), ` +
        'or set BABBLE_PJRT_PLUGIN to the path of a plugin (.so).',
    )
    this.name = 'PluginNotFoundError'
  }
}

export interface RegisterOptions {
  /** The plugin to load; default: the first that {@link findPlugin} finds for `device`. */
  readonly plugin?: PluginInfo
  readonly device?: 'auto' | DeviceKind
}

/**
 * Loads a PJRT plugin, registers the TensorFlow.js backend `xla` on its first device and makes it the current one. A
 * second call returns the backend that is there.
 *
 * @throws PluginNotFoundError when there is no plugin.
 */
export const registerXla = async (options: RegisterOptions = {}): Promise<XlaBackend> => {
  const device = options.device ?? 'auto'
  if (!engine().registryFactory.xla) {
    const plugin = options.plugin ?? findPlugin({ device })
    if (!plugin) throw new PluginNotFoundError(device)
    registerKernels()
    registerBackend('xla', () => {
      const client = PjrtClient.create(plugin.path)
      const kind: DeviceKind = client.platformName.toLowerCase() === 'cuda' ? 'cuda' : 'cpu'
      const { major, minor } = client.apiVersion
      return new XlaBackend(client, kind, `XLA on ${client.platformName} (PJRT ${major}.${minor}, ${plugin.kind} plugin ${plugin.version ?? ''})`)
    }, 4)
  }
  if (!(await setBackend('xla'))) throw new Error(`the xla backend did not start; see the message above.`)
  await ready()
  return engine().backend as XlaBackend
}
