import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import process from 'node:process'
import { pipeline } from 'node:stream/promises'
import { cacheDirectory, type PluginRecord, pluginDirectory, RECORD_FILE, readRecord } from './cache'
import { INSTALLABLE, type InstallablePlugin, NOT_BUILT_YET } from './catalogue'
import type { PluginInfo } from './discover'
import { PluginInstallError } from './errors'
import { downloadWheel, findPip } from './pip'
import { extractZipEntry } from './zip'

export interface InstallOptions {
  /** Default: the user's cache folder, see `cacheDirectory`. */
  readonly cacheDirectory?: string
  /** The Python interpreter whose pip downloads. Default: the first of `python3`, `python`, `pip3`, `pip` that works. */
  readonly python?: string
  /** Told in words what is being done. */
  readonly onProgress?: (message: string) => void
  /** @internal Stands in for the catalogue in tests. */
  readonly catalogue?: Readonly<Record<string, InstallablePlugin>>
}

/** Leftovers of an installation that was killed are removed after this long. */
const STALE_AFTER_MS = 24 * 3600 * 1000
const INCOMING = '.incoming-'

/**
 * Installs a PJRT plugin in the user's cache folder: downloads its wheel with pip, checks that it is the very file we
 * know, and unpacks its library. Does nothing if it is installed already. The plugin appears in the cache complete or
 * not at all, also when two processes install at once.
 * @param which `cpu`
 * @throws PluginInstallError, saying what to do.
 */
export async function installPlugin(which: string, options: InstallOptions = {}): Promise<PluginInfo> {
  const plugin = lookUp(which, options.catalogue ?? INSTALLABLE)
  checkPlatform(plugin)
  const report = options.onProgress ?? (() => {})
  const root = pluginDirectory(options.cacheDirectory ?? cacheDirectory())
  const home = join(root, `${plugin.name}-${plugin.version}`)
  const library = join(home, basename(plugin.library))
  const info: PluginInfo = { path: library, kind: plugin.kind, version: plugin.version, source: 'cache' }
  if (isInstalled(home, plugin)) {
    report(`${plugin.name} ${plugin.version} is installed already`)
    return info
  }
  const pip = await findPip(options.python)
  await mkdir(root, { recursive: true }).catch((cause: Error) => {
    throw new PluginInstallError(`Cannot write to the cache folder ${root}: ${cause.message}. Set BABBLE_CACHE.`, {
      cause,
    })
  })
  await removeStale(root)
  const incoming = await mkdtemp(join(root, INCOMING))
  try {
    report(`Downloading ${plugin.name} ${plugin.version} with ${pip.join(' ')} (${plugin.size})`)
    const wheel = await downloadWheel(pip, `${plugin.name}==${plugin.version}`, incoming, report)
    report('Checking its SHA-256')
    await checkHash(wheel, plugin)
    report('Unpacking')
    const staged = join(incoming, 'plugin')
    await mkdir(staged)
    const bytes = await extractZipEntry(wheel, plugin.library, join(staged, basename(library)))
    const { kind, name, version, sha256 } = plugin
    const record: PluginRecord = { kind, name, version, sha256, library: basename(library), bytes }
    await writeFile(join(staged, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`, { flush: true })
    await moveIntoPlace(staged, home, plugin)
  } catch (cause) {
    if (cause instanceof PluginInstallError) throw cause
    throw new PluginInstallError(`Installing ${plugin.name} in ${root} failed: ${(cause as Error).message}`, { cause })
  } finally {
    await rm(incoming, { recursive: true, force: true })
  }
  report(`Installed ${library}`)
  return info
}

function lookUp(which: string, catalogue: Readonly<Record<string, InstallablePlugin>>): InstallablePlugin {
  if (Object.hasOwn(catalogue, which)) return catalogue[which]!
  const names = Object.keys(catalogue).join(', ')
  if (NOT_BUILT_YET.includes(which)) {
    throw new PluginInstallError(
      `Installing '${which}' is not built yet; what can be installed is: ${names}. A plugin installed with pip in the ` +
        'active Python environment, or named by its path in BABBLE_PJRT_PLUGIN, is used as it is.',
    )
  }
  throw new PluginInstallError(`There is no plugin '${which}'; what can be installed is: ${names}`)
}

function checkPlatform(plugin: InstallablePlugin): void {
  const { platform, arch } = process
  const fallback = 'Use the wasm or tensorflow backend, or name a PJRT plugin by its path in BABBLE_PJRT_PLUGIN.'
  if (platform !== plugin.platform || arch !== plugin.architecture) {
    throw new PluginInstallError(
      `The ${plugin.kind} plugin exists for ${plugin.platform}-${plugin.architecture} only; this is ${platform}-${arch}. ${fallback}`,
    )
  }
  const [major, minor] = plugin.glibc
  const version = glibcVersion()
  if (!version || version[0] < major || (version[0] === major && version[1] < minor)) {
    throw new PluginInstallError(
      `The ${plugin.kind} plugin needs glibc ${major}.${minor} or newer; ` +
        `this system has ${version ? `glibc ${version.join('.')}` : 'another C library'}. ${fallback}`,
    )
  }
}

/** Version of the C library Node runs with, undefined if it is not glibc. */
function glibcVersion(): readonly [number, number] | undefined {
  // Listing network interfaces is the slow part of a report.
  const reporter = process.report as typeof process.report & { excludeNetwork?: boolean }
  const before = reporter.excludeNetwork
  reporter.excludeNetwork = true
  const { header } = reporter.getReport() as { header: { glibcVersionRuntime?: string } }
  reporter.excludeNetwork = before
  const parts = header.glibcVersionRuntime?.split('.').map(Number)
  return parts && [parts[0] ?? 0, parts[1] ?? 0]
}

function isInstalled(home: string, plugin: InstallablePlugin): boolean {
  return readRecord(home)?.sha256 === plugin.sha256
}

async function checkHash(wheel: string, plugin: InstallablePlugin): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(wheel), hash)
  const actual = hash.digest('hex')
  if (actual !== plugin.sha256) {
    throw new PluginInstallError(
      `${basename(wheel)} is not the file this version of the package knows, so it is not installed: its SHA-256 is ` +
        `${actual}, expected ${plugin.sha256}. The package index pip uses may serve another build.`,
    )
  }
}

async function moveIntoPlace(staged: string, home: string, plugin: InstallablePlugin): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(staged, home)
    } catch (error) {
      // Another process was faster, or an incomplete installation of an earlier time is in the way.
      if (isInstalled(home, plugin)) return
      if (attempt > 0) throw error
      await rm(home, { recursive: true, force: true })
    }
  }
}

async function removeStale(root: string): Promise<void> {
  for (const entry of await readdir(root)) {
    if (!entry.startsWith(INCOMING)) continue
    const path = join(root, entry)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (Date.now() - mtimeMs > STALE_AFTER_MS) await rm(path, { recursive: true, force: true })
  }
}
