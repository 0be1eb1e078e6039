import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { cacheDirectory } from '../install/cache'
import { findPlugins, hasNvidiaGpu, type PluginInfo } from '../install/index'
import { nvidiaFolder } from '../nvidia-libraries'
import { advise } from './advice'
import { readDriver, readGpus } from './nvidia-smi'
import type { Diagnosis, NvidiaReport, PluginReport } from './report'
import { probePlugin } from './run-probe'
import { readCache, readSystem } from './system'

export interface DiagnoseOptions {
  /** Measure the speed of the plugin that is used, in about ten seconds. Default true. */
  readonly speed?: boolean
  /** Default: the user's cache folder, see `cacheDirectory`. */
  readonly cacheDirectory?: string | undefined
  /** Told in words what is being looked at. */
  readonly onProgress?: (message: string) => void
}

/**
 * Looks at all that the `xla` backend depends on: opens every plugin there is, each in a process of its own, computes a
 * sum with it, and measures the speed of the one that would be used. Changes nothing, and never throws for what it finds.
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { speed = true, onProgress = () => {} } = options
  const folder = options.cacheDirectory ?? cacheDirectory()
  // Before the speed check adds to the machine's load.
  const system = readSystem()
  const { plugins: found, failure } = search(folder)
  const plugins: PluginReport[] = []
  let used: number | undefined
  for (const { plugin, tried } of found) {
    const candidate = tried && used === undefined
    onProgress(`Opening ${plugin.path}`)
    if (candidate && speed) onProgress('Measuring its speed, about ten seconds')
    const report = await probePlugin(plugin, { speed: candidate && speed })
    if (candidate && report.status === 'works') used = plugins.length
    plugins.push(report)
  }
  const nvidia = readNvidia(found.map(({ plugin }) => plugin))
  const cache = readCache(folder)
  const findings = { plugins, used, system, nvidia, cache }
  const advice = [...(failure === undefined ? [] : [failure]), ...advise(findings)]
  return { usable: used !== undefined, summary: summarise(plugins, used), ...findings, advice }
}

interface Candidate {
  readonly plugin: PluginInfo
  /** Whether `registerXla` tries it by itself. */
  readonly tried: boolean
}

/** Plugins in the order in which they are tried, then those for devices this machine shows no sign of. */
function search(folder: string): { plugins: Candidate[]; failure?: string } {
  try {
    const tried = findPlugins({ device: 'auto', cacheDirectory: folder })
    const paths = new Set(tried.map(({ path }) => path))
    const others = findPlugins({ device: 'any', cacheDirectory: folder }).filter(({ path }) => !paths.has(path))
    const candidates = (plugins: readonly PluginInfo[], isTried: boolean) =>
      plugins.map((plugin) => ({ plugin, tried: isTried }))
    return { plugins: [...candidates(tried, true), ...candidates(others, false)] }
  } catch (error) {
    return { plugins: [], failure: (error as Error).message }
  }
}

function summarise(plugins: readonly PluginReport[], used: number | undefined): string {
  const plugin = used === undefined ? undefined : plugins[used]
  if (!plugin) {
    return plugins.length === 0
      ? 'There is no plugin: the xla backend cannot run.'
      : `None of the ${plugins.length} plugins here works: the xla backend cannot run.`
  }
  const names = [...new Set(plugin.devices.map(({ kind }) => kind))].join(', ')
  const devices = plugin.devices.length > 1 ? `${plugin.devices.length} devices (${names})` : names
  return `The xla backend works, on ${plugin.platform}: ${devices}.`
}

function readNvidia(plugins: readonly PluginInfo[]): NvidiaReport | undefined {
  const libraries = Object.assign({}, ...plugins.map(({ path }) => nvidiaPackages(path))) as Record<string, string>
  if (!hasNvidiaGpu() && Object.keys(libraries).length === 0) return undefined
  const { driver, cuda } = hasNvidiaGpu() ? readDriver() : { driver: undefined, cuda: undefined }
  return { driver, driverCuda: cuda, gpus: hasNvidiaGpu() ? readGpus() : [], libraries }
}

/** NVIDIA's packages beside a plugin, by name, with their versions. */
function nvidiaPackages(pluginPath: string): Record<string, string> {
  const folder = dirname(nvidiaFolder(pluginPath))
  if (!existsSync(nvidiaFolder(pluginPath))) return {}
  const found = readdirSync(folder).flatMap((entry) => {
    const match = /^(nvidia_.+)-([\d.]+)\.dist-info$/.exec(entry)
    return match ? [[match[1]!.replaceAll('_', '-'), match[2]!] as const] : []
  })
  return Object.fromEntries(found.sort(([a], [b]) => a.localeCompare(b)))
}
