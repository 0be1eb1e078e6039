import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { BabbleError } from '../errors'
import { type BrokenPluginPackage, discoverPlugins, type PluginPackage } from './discover'
import type { ModelPlugin } from './model-plugin'

/** A model package that is missing, broken or does not fit. */
export class PluginError extends BabbleError {}

/** A plugin and where it came from. */
export interface InstalledPlugin {
  readonly plugin: ModelPlugin
  /** Absent for one that was handed over in memory. */
  readonly package?: PluginPackage
}

/** The plugins that are installed, and the packages that could not be used. */
export interface InstalledPlugins {
  readonly plugins: readonly InstalledPlugin[]
  readonly broken: readonly BrokenPluginPackage[]
}

const func = z.custom<unknown>((value) => typeof value === 'function', 'it must be a function')
const task = z.looseObject({
  summary: z.string(),
  startsFrom: z.enum(['nothing', 'model']),
  choices: z.record(z.string(), z.looseObject({ values: z.array(z.string()).min(1), default: z.string() })),
  defaults: func,
  build: func,
  schema: z.looseObject({ safeParse: func }),
})
const shape = z.looseObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  title: z.string(),
  paper: z.looseObject({ title: z.string(), authors: z.string(), url: z.string() }),
  sizes: z.record(z.string(), z.string()),
  modelTypes: z.array(z.string()),
  pretrain: task.optional(),
  finetune: task.optional(),
  loadRecognizer: func.optional(),
  loadFeatures: func.optional(),
  commands: z.array(z.looseObject({ name: z.string(), summary: z.string(), run: func })).optional(),
})

/** @throws PluginError naming the first member that is not as `ModelPlugin` says. */
export const checkPlugin = (value: unknown, file: string): ModelPlugin => {
  const result = shape.safeParse(value)
  if (result.success) return value as ModelPlugin
  const { path, message } = result.error.issues[0]!
  const member = ['plugin', ...path].join('.')
  throw new PluginError(`${member} is not what a plugin has: ${message}.`, {
    file,
    field: member,
    cure: 'Update the package, or tell its authors.',
  })
}

/** The folder of `@babble/core` that a module of the package would import; undefined if there is none. */
const coreOf = (directory: string): string | undefined => {
  try {
    return realpathSync(dirname(createRequire(join(directory, 'package.json')).resolve('@babble/core/package.json')))
  } catch {
    return undefined
  }
}

const importPlugin = async (found: PluginPackage, core: string | undefined): Promise<ModelPlugin> => {
  const its = coreOf(found.directory)
  // Two copies of core are two engines, and errors of one are strangers to the other.
  if (core !== undefined && its !== undefined && its !== core) {
    throw new PluginError(`it uses the @babble/core in ${its}, but this program the one in ${core}.`, {
      cure: 'Install this program in the same project as the package, or bring both to the same version of @babble/core.',
    })
  }
  const module = (await import(pathToFileURL(found.module).href)) as { plugin?: unknown; default?: unknown }
  const value = module.plugin ?? module.default
  if (value === undefined) {
    throw new PluginError('the module exports no "plugin".', {
      file: found.module,
      cure: 'Tell the authors of the package.',
    })
  }
  return checkPlugin(value, found.module)
}

/**
 * Finds and imports the plugins of the installed model packages. A package that cannot be used is listed with its reason, and does not
 * keep the others from being used.
 *
 * @param from Folders to look from, the most important first; see `discoverPlugins`.
 * @param program The folder of the program's own package, to find packages that would bring a second `@babble/core`.
 */
export const loadPlugins = async (from: readonly string[], program?: string): Promise<InstalledPlugins> => {
  const { packages, broken } = discoverPlugins(from)
  const core = program === undefined ? undefined : coreOf(program)
  const plugins: InstalledPlugin[] = []
  const unusable = [...broken]
  for (const found of packages) {
    const refuse = (reason: string) => unusable.push({ name: found.name, directory: found.directory, reason })
    try {
      const plugin = await importPlugin(found, core)
      const twin = plugins.find((other) => other.plugin.name === plugin.name)
      if (twin) refuse(`its model is called ${plugin.name}, as that of ${twin.package?.name}, which was found first.`)
      else plugins.push({ plugin, package: found })
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error))
    }
  }
  return { plugins, broken: unusable }
}

/** Packages of this project, by what users call their models and by the `model_type` of their directories. */
const known: Readonly<Record<string, string>> = {
  wav2vec2: '@babble/wav2vec2',
  hubert: '@babble/hubert',
  'av-hubert': '@babble/av-hubert',
  av_hubert: '@babble/av-hubert',
  vatlm: '@babble/vatlm',
  speecht5: '@babble/speecht5',
}

const missing = (what: string, name: string, { plugins, broken }: InstalledPlugins): PluginError => {
  const names = plugins.map(({ plugin }) => plugin.name)
  const installed = names.length === 0 ? 'No model package is installed' : `Installed: ${names.join(', ')}`
  const packageName = known[name]
  const unusable = broken.find((entry) => entry.name === packageName)
  if (unusable) return new PluginError(`${what} ${unusable.name} cannot be used: ${unusable.reason}`, { field: name })
  const cure =
    packageName === undefined
      ? `${installed}. Install the package that has it: npm install <package>`
      : `Install its package: npm install ${packageName}`
  return new PluginError(what, { field: name, cure: `${cure}` })
}

/** @throws PluginError with the line that installs it, when there is no plugin of that name. */
export const pluginNamed = (name: string, installed: InstalledPlugins): ModelPlugin => {
  const found = installed.plugins.find(({ plugin }) => plugin.name === name)
  if (!found) throw missing(`there is no model "${name}" here.`, name, installed)
  return found.plugin
}

/** @throws PluginError with the line that installs it, when no plugin reads directories of that `model_type`. */
export const pluginForModelType = (modelType: string, installed: InstalledPlugins, file?: string): ModelPlugin => {
  const found = installed.plugins.find(({ plugin }) => plugin.modelTypes.includes(modelType))
  if (found) return found.plugin
  const where = file === undefined ? '' : `${file}: `
  throw missing(`${where}no installed package reads model_type ${JSON.stringify(modelType)}.`, modelType, installed)
}
