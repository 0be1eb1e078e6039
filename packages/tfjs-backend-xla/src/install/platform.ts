import process from 'node:process'
import { type InstallablePlugin, targetsOf } from './catalogue'
import { PluginInstallError } from './errors'
import { currentTarget, type Target, type Wheel, type WheelFile } from './wheel'

/** A wheel and its build for this platform. */
export interface PinnedWheel extends WheelFile {
  readonly name: string
  readonly version: string
}

/**
 * The wheels of a plugin for this platform.
 * @throws PluginInstallError where it does not run, saying what to use instead.
 */
export function wheelsForThisPlatform(which: string, plugin: InstallablePlugin): PinnedWheel[] {
  const target = currentTarget()
  const targets = targetsOf(plugin)
  const fallback = 'Use the wasm or tensorflow backend, or name a PJRT plugin by its path in BABBLE_PJRT_PLUGIN.'
  if (!targets.includes(target as Target)) {
    throw new PluginInstallError(
      `The ${which} plugin exists for ${targets.join(' and ')} only; this is ${target}. ${fallback}`,
    )
  }
  if (plugin.glibc) {
    const [major, minor] = plugin.glibc
    const version = glibcVersion()
    if (!version || version[0] < major || (version[0] === major && version[1] < minor)) {
      throw new PluginInstallError(
        `The ${which} plugin needs glibc ${major}.${minor} or newer; ` +
          `this system has ${version ? `glibc ${version.join('.')}` : 'another C library'}. ${fallback}`,
      )
    }
  }
  return plugin.wheels.map((wheel) => pinned(wheel, target as Target))
}

function pinned(wheel: Wheel, target: Target): PinnedWheel {
  const file = wheel[target]
  if (!file) throw new PluginInstallError(`${wheel.name} ${wheel.version} is not known for ${target}`)
  return { name: wheel.name, version: wheel.version, ...file }
}

/** Version of the C library Node runs with, undefined if it is not glibc. */
export function glibcVersion(): readonly [number, number] | undefined {
  if (process.platform !== 'linux') return undefined
  // Listing network interfaces is the slow part of a report.
  const reporter = process.report as typeof process.report & { excludeNetwork?: boolean }
  const before = reporter.excludeNetwork
  reporter.excludeNetwork = true
  const { header } = reporter.getReport() as { header: { glibcVersionRuntime?: string } }
  reporter.excludeNetwork = before
  const parts = header.glibcVersionRuntime?.split('.').map(Number)
  return parts && [parts[0] ?? 0, parts[1] ?? 0]
}
