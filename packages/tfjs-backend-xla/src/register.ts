import { engine, ready, registerBackend, setBackend } from '@tensorflow/tfjs-core'
import { XlaBackend } from './backend'
import { createOptionsFor, type DeviceOptions, ignoredOptions } from './device-options'
import { openDiskCache, type ProgramCacheOptions } from './disk-cache/index'
import { connectKeyValueStore, type ProcessGroup, processGroupFromEnvironment } from './distributed/index'
import { type DeviceKind, findPlugins, installHint, type PluginInfo, PluginNotFoundError } from './install/index'
import { loadHostKernels } from './kernels/host/run-on-host'
import { registerKernels } from './kernels/index'
import { kindOfClient, openPlugin } from './open-plugin'
import { type DistributedOptions, XlaError } from './pjrt/index'

export interface RegisterOptions extends DeviceOptions {
  /** The plugin to load; default: the first of `findPlugins({ device })` that opens. */
  readonly plugin?: PluginInfo
  /** Default `auto`: a GPU where there is one that works, else the CPU. */
  readonly device?: 'auto' | DeviceKind
  /** Devices for `jit(fn, { devices })`: on the CPU as many are made, elsewhere the first are taken. Default: one on the CPU, all elsewhere. */
  readonly deviceCount?: number
  /**
   * Where compiled programs are kept, so that a later start need not compile them again: a folder, or false for nowhere. Default:
   * `BABBLE_PROGRAM_CACHE` (a folder or `off`), else `programs` in Babble's cache folder, private to the user and at most 2 GiB.
   */
  readonly programCache?: string | false | ProgramCacheOptions
  /**
   * Joins the devices of several processes, so that `jit(fn, { devices, sharded })` spans them: `auto` reads rank, world size and
   * address as torchrun, SLURM, Open MPI or Kubernetes set them, and does nothing where none has. Default: this process alone.
   * Where the launcher starts a process for each GPU, give `visibleDevices: [localRank]` with it. XLA's CPU plugin does not take part
   * in such runs; on GPUs this has not been tried yet.
   */
  readonly distributed?: 'auto' | ProcessGroup
}

const meaningless = (options: readonly string[]): string =>
  `${options.join(' and ')} ${options.length === 1 ? 'means' : 'mean'} nothing`

/** Opens the first plugin that works. A GPU plugin that finds no usable GPU gives way to the next, with a warning. */
const open = (
  plugins: readonly PluginInfo[],
  options: RegisterOptions,
  distributed: DistributedOptions | undefined,
): XlaBackend => {
  const { distributed: _, ...deviceOptions } = options
  const failures: string[] = []
  const causes: unknown[] = []
  for (const plugin of plugins) {
    try {
      const client = openPlugin(plugin, { ...deviceOptions, ...(distributed && { distributed }) })
      const kind = kindOfClient(plugin, client.platformName)
      for (const failure of failures) console.warn(`xla: not used: ${failure}`)
      const ignored = ignoredOptions(kind, options)
      if (ignored.length > 0) console.warn(`xla: ${meaningless(ignored)} on the ${kind}, which is used`)
      const { major, minor } = client.apiVersion
      const version = plugin.version === undefined ? '' : `, plugin ${plugin.version}`
      const description = `XLA on ${client.platformName} (PJRT ${major}.${minor}${version})`
      return new XlaBackend(client, kind, description, openDiskCache(options.programCache))
    } catch (error) {
      failures.push(`${plugin.path}: ${error instanceof Error ? error.message : String(error)}`)
      causes.push(error)
    }
  }
  const message = `no PJRT plugin could be opened.\n  ${failures.join('\n  ')}\n\`npx tfjs-xla doctor\` looks into it.`
  throw new XlaError(message, 'UNAVAILABLE', { cause: causes.length === 1 ? causes[0] : causes })
}

/** Meets the other processes of a run, if it has others. */
const join = async (distributed: RegisterOptions['distributed']) => {
  const group = distributed === 'auto' ? processGroupFromEnvironment() : distributed
  if (!group) return undefined
  const { rank, worldSize } = group
  return { rank, worldSize, keyValueStore: await connectKeyValueStore(group) }
}

/**
 * Opens a PJRT plugin, registers the TensorFlow.js backend `xla` on its first device and makes it the current one. Where the
 * backend is registered already, it is made the current one again.
 *
 * @throws PluginNotFoundError when there is no plugin for the device.
 * @throws XlaError when none of the plugins opens, or an option is out of range or means nothing on the device asked for.
 */
export const registerXla = async (options: RegisterOptions = {}): Promise<XlaBackend> => {
  const { plugin, device = 'auto' } = options
  await loadHostKernels()
  if (!engine().registryFactory.xla) {
    // Said once, and not as the reason why each plugin did not open.
    createOptionsFor(undefined, options)
    const ignored = device === 'auto' ? [] : ignoredOptions(device, options)
    if (ignored.length > 0) throw new XlaError(`${meaningless(ignored)} on the device "${device}"`)
    const plugins = plugin ? [plugin] : findPlugins({ device })
    if (plugins.length === 0)
      throw new PluginNotFoundError(`no PJRT plugin for device "${device}" was found. ${installHint()}`)
    registerKernels()
    // Opened here and not in the factory, so that what goes wrong reaches the caller.
    const distributed = await join(options.distributed)
    let opened: XlaBackend | undefined
    try {
      opened = open(plugins, options, distributed)
    } catch (error) {
      await distributed?.keyValueStore.close()
      throw error
    }
    // TensorFlow.js asks again after it has disposed of the backend (`tf.engine().reset()`).
    const take = (): XlaBackend => {
      const backend = opened ?? open(plugins, options, distributed)
      opened = undefined
      return backend
    }
    registerBackend('xla', take, 4)
  }
  await setBackend('xla')
  await ready()
  const backend = engine().backend as XlaBackend
  const { deviceCount = 1 } = options
  if (deviceCount > backend.client.deviceCount) {
    throw new XlaError(
      `the backend "xla" is open with ${backend.client.deviceCount} devices, not ${deviceCount}: give deviceCount where it is registered first.`,
    )
  }
  return backend
}
