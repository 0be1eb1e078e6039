import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import process from 'node:process'
import { kernelModuleVersion } from '../doctor/nvidia-smi'
import { cacheDirectory, cachedPlugins } from './cache'
import { DEVICE_KINDS, type DeviceKind, INSTALLABLE, NVIDIA_PLUGINS, PYTHON_PLUGINS, targetsOf } from './catalogue'
import { PluginNotFoundError } from './errors'
import { isPresent } from './hardware'
import { currentTarget, type Target } from './wheel'

/** `environment`: named by `BABBLE_PJRT_PLUGIN`; `cache`: installed by us; `python`: found in a Python environment. */
export type PluginSource = 'environment' | 'cache' | 'python'

/** A PJRT plugin on this machine. */
export interface PluginInfo {
  /** Absolute path of the library. */
  readonly path: string
  /** Undefined for a plugin named by path whose file name does not tell. */
  readonly kind: DeviceKind | undefined
  /** Version of the package it came in, where known. */
  readonly version: string | undefined
  readonly source: PluginSource
}

export interface FindPluginOptions {
  /**
   * `auto` (default): plugins for the devices that this machine shows signs of, GPUs before the CPU; `any`: also those
   * that it shows no sign of.
   */
  readonly device?: 'auto' | 'any' | DeviceKind
  /** Default: the user's cache folder, see `cacheDirectory`. */
  readonly cacheDirectory?: string
  /** Ask the `python3` on the PATH where its packages are, if nothing is found without. Default true. */
  readonly python?: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** The plugin to use, or undefined if there is none for the device. See {@link findPlugins}. */
export function findPlugin(options: FindPluginOptions = {}): PluginInfo | undefined {
  return findPlugins(options)[0]
}

/**
 * Plugins on this machine for a device, best first: the one named by `BABBLE_PJRT_PLUGIN` (alone, if it is set), then
 * for each kind of device those in the cache folder (newest first, CUDA 13 before 12) and those in the active Python environment.
 * @throws PluginNotFoundError when `BABBLE_PJRT_PLUGIN` names a file that does not exist.
 */
export function findPlugins(options: FindPluginOptions = {}): PluginInfo[] {
  const device = options.device ?? 'auto'
  const named = namedPlugin(process.env)
  if (named) return isKind(device) && named.kind !== undefined && named.kind !== device ? [] : [named]
  const kinds = isKind(device) ? [device] : device === 'any' ? DEVICE_KINDS : DEVICE_KINDS.filter(isPresent)
  const cached = fromCache(options.cacheDirectory ?? cacheDirectory())
  const suits = (plugins: PluginInfo[]) => kinds.flatMap((kind) => plugins.filter((plugin) => plugin.kind === kind))
  const found = suits([...cached, ...environmentFolders(process.env).flatMap(fromSitePackages)])
  // Starting Python takes a tenth of a second: only for the kind wanted most, and only if nothing else has it.
  if (options.python === false || (device !== 'any' && found.some((plugin) => plugin.kind === kinds[0]))) return found
  const seen = new Set(found.map((plugin) => plugin.path))
  const more = pythonFolders().flatMap(fromSitePackages)
  return suits([...found, ...more.filter((plugin) => !seen.has(plugin.path))])
}

/** The name by which the plugin for this machine's fastest device is installed, undefined where there is none. */
export function suggestedInstall(): string | undefined {
  const suits = (name: string) => targetsOf(INSTALLABLE[name]!).includes(currentTarget() as Target)
  const driver = Number.parseInt(kernelModuleVersion() ?? '', 10)
  if (isPresent('cuda')) return NVIDIA_PLUGINS.find((cuda) => suits(cuda.name) && !(driver < cuda.driver))?.name
  if (isPresent('rocm') && suits('rocm7')) return 'rocm7'
  return suits('cpu') ? 'cpu' : suits('metal') ? 'metal' : undefined
}

/** What to tell a user who has no plugin. */
export function installHint(): string {
  const suggestion = suggestedInstall()
  return suggestion
    ? `Install one with \`npx tfjs-xla install ${suggestion}\`, or name one by its path in BABBLE_PJRT_PLUGIN.`
    : `There is no ready-made plugin for ${currentTarget()}: name one by its path in BABBLE_PJRT_PLUGIN, or use the ` +
        'wasm or tensorflow backend.'
}

function isKind(device: 'auto' | 'any' | DeviceKind): device is DeviceKind {
  return device !== 'auto' && device !== 'any'
}

function namedPlugin(environment: Environment): PluginInfo | undefined {
  const named = environment.BABBLE_PJRT_PLUGIN
  if (!named) return undefined
  const path = resolve(named)
  if (!existsSync(path)) {
    throw new PluginNotFoundError(`BABBLE_PJRT_PLUGIN names ${path}, which does not exist. Correct or unset it.`)
  }
  return { path, kind: kindOf(path), version: undefined, source: 'environment' }
}

/** Parts of a library's file name that tell its kind of device. */
const NAME_HINTS: readonly (readonly [string, DeviceKind])[] = [
  ['cpu', 'cpu'],
  ['cuda', 'cuda'],
  ['rocm', 'rocm'],
  ['oneapi', 'oneapi'],
  ['tpu', 'tpu'],
  ['metal', 'metal'],
  ['mps', 'metal'],
]

function kindOf(path: string): DeviceKind | undefined {
  const name = basename(path).toLowerCase()
  return NAME_HINTS.find(([hint]) => name.includes(hint))?.[1]
}

function fromCache(cache: string): PluginInfo[] {
  return cachedPlugins(cache)
    .sort((a, b) => compareVersions(b.record.version, a.record.version) || b.path.localeCompare(a.path))
    .map(({ path, record }) => ({ path, kind: record.kind, version: record.version, source: 'cache' as const }))
}

function fromSitePackages(folder: string): PluginInfo[] {
  return PYTHON_PLUGINS.flatMap(({ kind, library, distribution }) => {
    const path = join(folder, library)
    if (!existsSync(path)) return []
    return [{ path, kind, version: distributionVersion(folder, distribution), source: 'python' as const }]
  })
}

function distributionVersion(folder: string, distribution: string): string | undefined {
  const pattern = new RegExp(`^${distribution}-(.+)\\.dist-info$`, 'i')
  for (const entry of readdirSync(folder)) {
    const version = pattern.exec(entry)?.[1]
    if (version) return version
  }
  return undefined
}

/** `site-packages` of the activated virtual or conda environment, found without starting Python. */
function environmentFolders(environment: Environment): string[] {
  const prefixes = [environment.VIRTUAL_ENV, environment.CONDA_PREFIX].filter((prefix) => prefix !== undefined)
  return prefixes.flatMap((prefix) => {
    const lib = join(prefix, 'lib')
    if (process.platform === 'win32') return [join(prefix, 'Lib', 'site-packages')]
    if (!existsSync(lib)) return []
    const versions = readdirSync(lib).filter((entry) => /^python3\.\d+$/.test(entry))
    return versions
      .sort(compareVersions)
      .reverse()
      .map((entry) => join(lib, entry, 'site-packages'))
  })
}

/** `site-packages` of the Python on the PATH, both of the installation and of the user. */
function pythonFolders(): string[] {
  const script = 'import site, sysconfig; print(sysconfig.get_path("purelib")); print(site.getusersitepackages())'
  try {
    const output = execFileSync('python3', ['-c', script], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return [...new Set(output.split(/\r?\n/).filter((line) => line !== '' && existsSync(line)))]
  } catch {
    return []
  }
}

/** Orders versions by their numbers: 0.9 before 0.11. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => version.match(/\d+/g)?.map(Number) ?? []
  const [left, right] = [numbers(a), numbers(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
