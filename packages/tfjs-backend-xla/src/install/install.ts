import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import process from 'node:process'
import { pipeline } from 'node:stream/promises'
import { cacheDirectory, damagedFiles, type PluginRecord, pluginDirectory, RECORD_FILE, readRecord } from './cache'
import { ELSEWHERE, INSTALLABLE, type InstallablePlugin } from './catalogue'
import type { PluginInfo } from './discover'
import { PluginInstallError } from './errors'
import { formatBytes } from './format'
import { downloadWheel, findPip, type PipCommand } from './pip'
import { type PinnedWheel, wheelsForThisPlatform } from './platform'
import { unpackZip } from './unpack'
import { wheelPath } from './wheel'

/** How far the downloads of an installation are, in bytes. */
export interface InstallProgress {
  readonly received: number
  readonly total: number
}

export interface InstallOptions {
  /** Default: the user's cache folder, see `cacheDirectory`. */
  readonly cacheDirectory?: string | undefined
  /** The Python interpreter whose pip downloads. Default: the first of `python3`, `python`, `pip3`, `pip` that works. */
  readonly python?: string | undefined
  /** Told in words what is being done. */
  readonly onProgress?: (message: string) => void
  /** Told about twice a second how much has been downloaded. */
  readonly onBytes?: (progress: InstallProgress) => void
  /** @internal Stands in for the catalogue in tests. */
  readonly catalogue?: Readonly<Record<string, InstallablePlugin>>
}

const HOUR_MS = 3600 * 1000
/** Folders of an installation under way, and of wheels kept for one that was broken off; removed when this old. */
const TEMPORARY = [
  { prefix: '.incoming-', staleAfterMs: 24 * HOUR_MS },
  { prefix: '.wheels-', staleAfterMs: 7 * 24 * HOUR_MS },
] as const

/**
 * Installs a PJRT plugin, with the libraries it needs, in the user's cache folder: downloads the wheels with pip, checks
 * that each is the very file we know, and unpacks them. Does nothing if it is installed already. The plugin appears in
 * the cache complete or not at all, also when two processes install at once; an installation that was broken off goes
 * on with the wheels it had.
 * @param which `cpu`, `cuda13`, `cuda12`, `rocm7`, `oneapi` or `metal`
 * @throws PluginInstallError, saying what to do.
 */
export async function installPlugin(which: string, options: InstallOptions = {}): Promise<PluginInfo> {
  const plugin = lookUp(which, options.catalogue ?? INSTALLABLE)
  const wheels = wheelsForThisPlatform(which, plugin)
  const report = options.onProgress ?? (() => {})
  const root = pluginDirectory(options.cacheDirectory ?? cacheDirectory())
  const [{ name, version }] = wheels as [PinnedWheel]
  const home = join(root, `${name}-${version}`)
  const installed = installedPlugin(home, plugin, wheels)
  if (installed) {
    report(`${which} is installed already (${name} ${version})`)
    return installed
  }
  const pip = await findPip(options.python)
  await mkdir(root, { recursive: true }).catch((cause: Error) => {
    throw new PluginInstallError(`Cannot write to the cache folder ${root}: ${cause.message}. Set BABBLE_CACHE.`, {
      cause,
    })
  })
  await removeStale(root)
  const incoming = await mkdtemp(join(root, `.incoming-${process.pid}@${hostname()}-`))
  // Wheels that have arrived and been checked wait here for the rest.
  const shelf = join(root, `.wheels-${name}-${version}`)
  try {
    await mkdir(shelf, { recursive: true })
    const missing = await missingWheels(shelf, wheels)
    await checkSpace(which, root, wheels, missing, report)
    await fetchWheels(pip, missing, shelf, incoming, report, options.onBytes)
    report(`Unpacking (${formatBytes(sum(wheels.map((wheel) => wheel.unpacked)))})`)
    const staged = join(incoming, 'plugin')
    await unpackWheels(plugin, wheels, shelf, staged)
    await moveIntoPlace(staged, home, () => installedPlugin(home, plugin, wheels) !== undefined)
    await rm(shelf, { recursive: true, force: true })
  } catch (cause) {
    // Another process may have finished the same installation and taken the wheels away.
    const elsewhere = installedPlugin(home, plugin, wheels)
    if (elsewhere) return elsewhere
    if (cause instanceof PluginInstallError) throw cause
    throw new PluginInstallError(`Installing ${which} in ${root} failed: ${(cause as Error).message}`, { cause })
  } finally {
    await rm(incoming, { recursive: true, force: true })
  }
  const info = installedPlugin(home, plugin, wheels)
  if (!info) throw new PluginInstallError(`Installing ${which} in ${root} failed: files are missing in ${home}`)
  report(`Installed ${info.path}`)
  if (plugin.note) report(`Note: ${plugin.note}`)
  return info
}

function lookUp(which: string, catalogue: Readonly<Record<string, InstallablePlugin>>): InstallablePlugin {
  if (Object.hasOwn(catalogue, which)) return catalogue[which]!
  const names = Object.keys(catalogue).join(', ')
  const hint = Object.hasOwn(ELSEWHERE, which) ? ` ${ELSEWHERE[which]}` : ''
  throw new PluginInstallError(`There is no plugin '${which}'; what can be installed is: ${names}.${hint}`)
}

function installedPlugin(
  home: string,
  plugin: InstallablePlugin,
  wheels: readonly PinnedWheel[],
): PluginInfo | undefined {
  const record = readRecord(home)
  if (record?.sha256 !== wheels[0]!.sha256) return undefined
  // The first releases recorded neither packages nor files, and installed the CPU's library only.
  const packages = record.packages ?? { [record.name]: record.version }
  const same = wheels.length === Object.keys(packages).length
  if (!same || wheels.some(({ name, version }) => packages[name] !== version)) return undefined
  if (damagedFiles(home, record).length > 0) return undefined
  return { path: join(home, record.library), kind: plugin.kind, version: record.version, source: 'cache' }
}

async function missingWheels(shelf: string, wheels: readonly PinnedWheel[]): Promise<PinnedWheel[]> {
  const missing = []
  for (const wheel of wheels) {
    const path = shelved(shelf, wheel)
    if (!existsSync(path) || (await fileHash(path)) !== wheel.sha256) missing.push(wheel)
  }
  return missing
}

async function checkSpace(
  which: string,
  root: string,
  wheels: readonly PinnedWheel[],
  missing: readonly PinnedWheel[],
  report: (message: string) => void,
): Promise<void> {
  const download = sum(missing.map((wheel) => wheel.bytes))
  const unpacked = sum(wheels.map((wheel) => wheel.unpacked))
  const sizes = `${formatBytes(download)} to download, ${formatBytes(unpacked)} installed`
  const kept = missing.length < wheels.length ? `; ${wheels.length - missing.length} are here from before` : ''
  report(`${which}: ${wheels.length === 1 ? 'one wheel' : `${wheels.length} wheels`}, ${sizes}${kept}`)
  // pip holds the file it downloads twice for a moment.
  const needed = download + unpacked + Math.max(0, ...missing.map((wheel) => wheel.bytes))
  const { bavail, bsize } = await statfs(root)
  const free = bavail * bsize
  if (free < needed) {
    throw new PluginInstallError(
      `Installing ${which} needs ${formatBytes(needed)} of disk space (${sizes}); ${root} has ${formatBytes(free)} free. ` +
        'Make room, or set BABBLE_CACHE to a folder on another disk.',
    )
  }
}

async function fetchWheels(
  pip: PipCommand,
  missing: readonly PinnedWheel[],
  shelf: string,
  incoming: string,
  report: (message: string) => void,
  onBytes: (progress: InstallProgress) => void = () => {},
): Promise<void> {
  const total = sum(missing.map((wheel) => wheel.bytes))
  let before = 0
  for (const [i, wheel] of missing.entries()) {
    const { name, version, bytes } = wheel
    report(`Downloading ${i + 1} of ${missing.length}: ${name} ${version} (${formatBytes(bytes)})`)
    const folder = join(incoming, `download-${i}`)
    const path = await downloadWheel(pip, wheel, folder, (received) =>
      onBytes({ received: before + Math.min(received, bytes), total }),
    )
    const actual = await fileHash(path)
    if (actual !== wheel.sha256) {
      throw new PluginInstallError(
        `${basename(path)} is not the file this version of the package knows, so it is not installed: its SHA-256 is ` +
          `${actual}, expected ${wheel.sha256}. The package index pip uses may serve another build.`,
      )
    }
    await rename(path, shelved(shelf, wheel))
    await rm(folder, { recursive: true, force: true })
    before += bytes
    onBytes({ received: before, total })
  }
}

async function unpackWheels(
  plugin: InstallablePlugin,
  wheels: readonly PinnedWheel[],
  shelf: string,
  staged: string,
): Promise<void> {
  const sitePackages = plugin.sitePackages ?? ''
  const files: Record<string, number> = {}
  for (const wheel of wheels) {
    Object.assign(files, await unpackZip(shelved(shelf, wheel), staged, (entry) => wheelPath(entry, sitePackages)))
  }
  const library = wheelPath(plugin.library, sitePackages)!
  const bytes = files[library]
  const [{ name, version, sha256 }] = wheels as [PinnedWheel]
  if (bytes === undefined)
    throw new PluginInstallError(`The wheel of ${name} ${version} holds no file ${plugin.library}`)
  const packages = Object.fromEntries(wheels.map((wheel) => [wheel.name, wheel.version]))
  const record: PluginRecord = { kind: plugin.kind, name, version, sha256, library, bytes, packages, files }
  await writeFile(join(staged, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`, { flush: true })
}

function shelved(shelf: string, { name, version }: PinnedWheel): string {
  return join(shelf, `${name}-${version}.whl`)
}

async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

async function moveIntoPlace(staged: string, home: string, isComplete: () => boolean): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(staged, home)
    } catch (error) {
      // Another process was faster, or an incomplete installation of an earlier time is in the way.
      if (isComplete()) return
      if (attempt > 0) throw error
      await rm(home, { recursive: true, force: true })
    }
  }
}

async function removeStale(root: string): Promise<void> {
  for (const entry of await readdir(root)) {
    const kind = TEMPORARY.find(({ prefix }) => entry.startsWith(prefix))
    if (!kind) continue
    const path = join(root, entry)
    if (entry.startsWith('.incoming-') && wasAbandoned(entry)) {
      await rm(path, { recursive: true, force: true })
      continue
    }
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (Date.now() - mtimeMs > kind.staleAfterMs) await rm(path, { recursive: true, force: true })
  }
}

/** Whether the process that made a temporary folder, named in it, ran here and is gone. */
function wasAbandoned(folder: string): boolean {
  const [, pid, host] = /^\.incoming-(\d+)@(.+)-\w+$/.exec(folder) ?? []
  if (pid === undefined || host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
