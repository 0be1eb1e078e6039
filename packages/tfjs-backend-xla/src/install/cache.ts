import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import process from 'node:process'
import type { DeviceKind } from './catalogue'

/** What `plugin.json` beside an installed plugin says. */
export interface PluginRecord {
  readonly kind: DeviceKind
  /** The package it came from. */
  readonly name: string
  readonly version: string
  /** SHA-256 of the package's file. */
  readonly sha256: string
  /** Path of the library below the folder. */
  readonly library: string
  /** Size of the library in bytes: a shorter file was not written to its end. */
  readonly bytes: number
  /** Every package that was unpacked, by name, with its version. */
  readonly packages?: Readonly<Record<string, string>>
  /** Every file that was unpacked, by its path below the folder, with its size in bytes. */
  readonly files?: Readonly<Record<string, number>>
}

export const RECORD_FILE = 'plugin.json'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The folder for files that can be fetched again: `BABBLE_CACHE`, else `babble` in the user's cache folder
 * (`XDG_CACHE_HOME`, by default `~/.cache`; `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on Windows).
 */
export function cacheDirectory(environment: Environment = process.env): string {
  if (environment.BABBLE_CACHE) return environment.BABBLE_CACHE
  // The XDG specification has relative paths ignored.
  const xdg = environment.XDG_CACHE_HOME
  if (xdg && isAbsolute(xdg)) return join(xdg, 'babble')
  const home = environment.HOME || homedir()
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'babble')
  if (process.platform === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'babble')
  return join(home, '.cache', 'babble')
}

/** The folder of installed plugins, one sub-folder `<name>-<version>` each. */
export function pluginDirectory(cache: string): string {
  return join(cache, 'pjrt')
}

/** Complete plugins in the cache, in no particular order. */
export function cachedPlugins(cache: string): { readonly path: string; readonly record: PluginRecord }[] {
  const root = pluginDirectory(cache)
  if (!existsSync(root)) return []
  const found = []
  for (const entry of readdirSync(root)) {
    if (entry.startsWith('.')) continue
    const record = readRecord(join(root, entry))
    if (record) found.push({ path: join(root, entry, record.library), record })
  }
  return found
}

/** The record of an installed plugin, or undefined if the folder does not hold a complete one. */
export function readRecord(folder: string): PluginRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(folder, RECORD_FILE), 'utf8')) as PluginRecord
    if (record.library !== undefined && statSync(join(folder, record.library)).size === record.bytes) return record
  } catch {
    // No folder, no record, or no library: nothing installed here.
  }
  return undefined
}

/** Files of an installed plugin that are missing or shorter than they were. */
export function damagedFiles(folder: string, record: PluginRecord): string[] {
  return Object.entries(record.files ?? {}).flatMap(([path, bytes]) => {
    try {
      return statSync(join(folder, path)).size === bytes ? [] : [path]
    } catch {
      return [path]
    }
  })
}
