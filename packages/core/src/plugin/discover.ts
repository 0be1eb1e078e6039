import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'

/** An installed package that declares a plugin. */
export interface PluginPackage {
  /** The package's name. */
  readonly name: string
  readonly version: string
  /** Its folder, without symbolic links. */
  readonly directory: string
  /** The module that exports `plugin`; absolute. */
  readonly module: string
}

/** A package whose declaration cannot be followed. */
export interface BrokenPluginPackage {
  readonly name: string
  readonly directory: string
  readonly reason: string
}

export interface DiscoveredPlugins {
  readonly packages: readonly PluginPackage[]
  readonly broken: readonly BrokenPluginPackage[]
}

interface PackageJson {
  readonly name?: unknown
  readonly version?: unknown
  readonly babble?: unknown
  readonly [field: string]: unknown
}

const dependencyFields = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const

/** A `package.json`, or undefined where there is none that can be read. */
const readPackageJson = (directory: string): PackageJson | undefined => {
  try {
    const value: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    return typeof value === 'object' && value !== null ? (value as PackageJson) : undefined
  } catch {
    return undefined
  }
}

/** A folder and all those around it. */
const upwards = (start: string): string[] => {
  const folders = [resolve(start)]
  for (;;) {
    const parent = dirname(folders.at(-1)!)
    if (parent === folders.at(-1)) return folders
    folders.push(parent)
  }
}

/** The packages directly inside a `node_modules` folder. */
const packagesIn = (nodeModules: string): string[] => {
  const list = (folder: string): string[] => {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  }
  return list(nodeModules).flatMap((name) => {
    if (name.startsWith('.')) return []
    const folder = join(nodeModules, name)
    return name.startsWith('@') ? list(folder).map((scoped) => join(folder, scoped)) : [folder]
  })
}

/** The folders of the packages that a project's `package.json` names, wherever the package manager has put them. */
const dependenciesOf = (project: string): string[] => {
  const json = readPackageJson(project)
  if (!json) return []
  const require = createRequire(join(project, 'package.json'))
  const names = dependencyFields.flatMap((field) => Object.keys((json[field] as object | undefined) ?? {}))
  return [...new Set(names)].flatMap((name) => {
    try {
      return [dirname(require.resolve(`${name}/package.json`))]
    } catch {
      // Not installed, or it hides its package.json: the search of node_modules finds it if it is there.
      return []
    }
  })
}

const declaration = (folder: string): PluginPackage | BrokenPluginPackage | undefined => {
  const json = readPackageJson(folder)
  if (json?.babble === undefined) return undefined
  const name = typeof json.name === 'string' ? json.name : folder
  const directory = realpathSync(folder)
  const { babble } = json
  const path = typeof babble === 'object' && babble !== null ? (babble as Record<string, unknown>).plugin : undefined
  const broken = (reason: string) => ({ name, directory, reason })
  if (typeof path !== 'string') {
    return broken('its package.json has a field "babble", but babble.plugin does not name a module.')
  }
  const module = resolve(directory, path)
  const inside = relative(directory, module)
  if (inside.startsWith('..') || isAbsolute(inside)) return broken(`babble.plugin is ${path}, outside the package.`)
  if (!existsSync(module)) return broken(`babble.plugin is ${path}, which is not there. Has the package been built?`)
  return { name, version: typeof json.version === 'string' ? json.version : '0.0.0', directory, module }
}

/**
 * Finds the installed packages that declare a plugin by `"babble": { "plugin": "./module.js" }` in their `package.json`: the
 * dependencies of the project at each starting folder, and whatever lies in the `node_modules` of that folder and of those around it.
 * Nothing is imported. Of packages with the same name, the first counts: starting folders are searched in their order.
 *
 * @param from Folders to start from: the user's working folder, and the one of the program.
 */
export const discoverPlugins = (from: readonly string[]): DiscoveredPlugins => {
  const found = new Map<string, PluginPackage | BrokenPluginPackage>()
  const looked = new Set<string>()
  for (const start of from) {
    for (const folder of upwards(start)) {
      for (const candidate of [...dependenciesOf(folder), ...packagesIn(join(folder, 'node_modules'))]) {
        if (looked.has(candidate)) continue
        looked.add(candidate)
        const declared = declaration(candidate)
        if (declared && !found.has(declared.name)) found.set(declared.name, declared)
      }
    }
  }
  const all = [...found.values()]
  return {
    packages: all.filter((entry): entry is PluginPackage => 'module' in entry),
    broken: all.filter((entry): entry is BrokenPluginPackage => 'reason' in entry),
  }
}
