import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { cacheDirectory } from '@babble/tfjs-backend-xla'
import { NAPI_VERSION, PARTS, TENSORFLOW_VERSION, TFJS_NODE_VERSION, type TfjsNodeVariant } from './catalogue'

/** Where one variant lies in the cache folder; each of the two folders is complete or absent. */
export interface TfjsNodePlace {
  readonly variant: TfjsNodeVariant
  /** TensorFlow's libraries and headers, laid out as Python's `site-packages`. */
  readonly tensorflow: string
  /** The addon, the package's JavaScript and what that needs. */
  readonly build: string
  readonly addon: string
}

/** @param cache default: the user's cache folder. */
export const tfjsNodePlace = (variant: TfjsNodeVariant, cache: string = cacheDirectory()): TfjsNodePlace => {
  const build = join(cache, 'tfjs-node', `${variant}-${TFJS_NODE_VERSION}-tensorflow-${TENSORFLOW_VERSION}`)
  return {
    variant,
    tensorflow: join(cache, 'tensorflow', `${variant}-${TENSORFLOW_VERSION}`),
    build,
    addon: join(build, 'lib', 'tfjs_binding.node'),
  }
}

/** The package as a project has it installed. */
export interface ProjectPackage {
  readonly folder: string
  readonly version: string
  /** Where it looks for its addon. */
  readonly addon: string
  readonly hasAddon: boolean
}

/** Looks for `@tensorflow/tfjs-node` or `-gpu` as a program in `from` would, then as this package would. */
export const findProjectPackage = (
  variant: TfjsNodeVariant,
  from: string = process.cwd(),
): ProjectPackage | undefined => {
  for (const base of [resolve(from, 'program.js'), import.meta.url]) {
    try {
      const manifest = createRequire(base).resolve(`${PARTS[variant].package.name}/package.json`)
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
      const folder = dirname(manifest)
      const addon = join(folder, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node')
      return { folder, version, addon, hasAddon: existsSync(addon) }
    } catch {
      // Not installed there.
    }
  }
  return undefined
}
