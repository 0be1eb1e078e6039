import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { cacheDirectory, wheels } from '@babble/tfjs-backend-xla'
import { isCompleteDirectory, writeDirectoryAtomic } from '../../checkpoint/index'
import { EngineBuildError } from '../errors'
import {
  GLIBC,
  NODE_HEADERS,
  PARTS,
  PROTOBUF,
  TARGET,
  TENSORFLOW_VERSION,
  TFJS_NODE_VERSION,
  type TfjsNodeVariant,
} from './catalogue'
import { compileAddon, expectCompiler } from './compile-addon'
import { expectNpm, fetchNpmPackage, installNpmPackage } from './fetch-npm'
import { fetchTensorFlow } from './fetch-tensorflow'
import { findProjectPackage, type TfjsNodePlace, tfjsNodePlace } from './place'
import type { BuildProgress } from './progress'
import { lastWords, runProgram } from './run-program'
import { FACADE_SYMBOL } from './shared-core'

export interface BuildTfjsNodeOptions extends BuildProgress {
  /** Build `@tensorflow/tfjs-node-gpu` (NVIDIA, CUDA 12) instead of `@tensorflow/tfjs-node`. Default false. */
  readonly gpu?: boolean
  /** Default: the user's cache folder. */
  readonly cacheDirectory?: string | undefined
  /** The Python interpreter whose pip downloads TensorFlow. Default: the first that works. */
  readonly python?: string | undefined
  /** The project into whose installed package, if it has one without an addon, the addon is put. Default: the working folder. */
  readonly project?: string
  /** Install the package in the project (`npm install --ignore-scripts`), where it is not there already. Default false. */
  readonly installPackage?: boolean
  /** Compile again though it is built already. Default false. */
  readonly force?: boolean
}

export interface TfjsNodeBuild {
  readonly variant: TfjsNodeVariant
  readonly addon: string
  /** What the addon says of itself when it is loaded. */
  readonly tensorflowVersion: string
  readonly usesGpu: boolean
  /** The package of the project that was given the addon. */
  readonly project: string | undefined
}

/**
 * Makes `@tensorflow/tfjs-node` (or `-gpu`) 4.22.0 work with current TensorFlow and Node: fetches TensorFlow's libraries
 * with pip and the package's sources with npm (both pinned by hash) into the cache folder, compiles the addon with g++ and
 * loads it once. Nothing is done twice, and what is built is complete or absent.
 *
 * `loadEngine({ backend: 'tfjs-node' })` finds it there. Where the project has the package itself (installed with
 * `--ignore-scripts`, so without its addon), it is given a copy, and `import '@tensorflow/tfjs-node'` works too.
 *
 * @throws EngineBuildError, saying what is missing.
 */
export const buildTfjsNode = async (options: BuildTfjsNodeOptions = {}): Promise<TfjsNodeBuild> => {
  const { onProgress = () => {}, force = false } = options
  const variant = options.gpu ? 'gpu' : 'cpu'
  expectPlatform()
  const place = tfjsNodePlace(variant, options.cacheDirectory ?? cacheDirectory())
  try {
    if (force || !(await isCompleteDirectory(place.build))) {
      // What is missing is said before anything is downloaded.
      await expectCompiler()
      await expectNpm()
      const pip = (await isCompleteDirectory(place.tensorflow)) ? undefined : await findPip(options.python)
      if (pip) await fetchTensorFlow(place, { ...options, pip })
      await writeDirectoryAtomic(place.build, (folder) => fill(folder, place, onProgress))
    } else onProgress(`${PARTS[variant].package.name} ${TFJS_NODE_VERSION} is built already`)
    onProgress('Loading it')
    const { tensorflowVersion, usesGpu } = await tryAddon(place.addon)
    const folder = options.project ?? process.cwd()
    if (options.installPackage && !findProjectPackage(variant, folder)) {
      const { name, version } = PARTS[variant].package
      onProgress(`Installing ${name} ${version} in ${folder}, without its scripts`)
      await installNpmPackage(PARTS[variant].package, folder)
    }
    const project = await equipProject(variant, place.addon, folder)
    if (project) onProgress(`The addon was put into ${project}`)
    return { variant, addon: place.addon, tensorflowVersion, usesGpu, project }
  } catch (error) {
    throw asBuildError(error, variant)
  }
}

const fill = async (folder: string, place: TfjsNodePlace, onProgress: (message: string) => void): Promise<void> => {
  const parts = PARTS[place.variant]
  onProgress(`Fetching ${parts.package.name} ${parts.package.version} with npm`)
  await fetchNpmPackage(parts.package, join(folder, 'package'))
  await fetchNpmPackage(PROTOBUF, join(folder, 'node_modules', PROTOBUF.name))
  const headers = join(folder, 'headers')
  await fetchNpmPackage(NODE_HEADERS, headers)
  onProgress('Compiling its addon')
  await compileAddon({
    package: join(folder, 'package'),
    nodeHeaders: join(headers, 'include'),
    tensorflow: place.tensorflow,
    // Relative first, so that the cache folder may be moved; absolute for the copy in a project.
    runPath: [
      `$ORIGIN/${relative(dirname(place.addon), place.tensorflow)}/tensorflow`,
      join(place.tensorflow, 'tensorflow'),
    ],
    addon: join(folder, relative(place.build, place.addon)),
  })
  await rm(headers, { recursive: true })
  // The package's kernels are given the TensorFlow.js of whoever loads them.
  for (const name of ['@tensorflow/tfjs', '@tensorflow/tfjs-core']) {
    const facade = join(folder, 'node_modules', name)
    await mkdir(facade, { recursive: true })
    await writeFile(join(facade, 'index.js'), `module.exports = globalThis[Symbol.for('${FACADE_SYMBOL}')]\n`)
  }
}

const expectPlatform = (): void => {
  const instead = 'Use the engines xla or wasm here, or @tensorflow/tfjs-node as its authors publish it.'
  const target = `${process.platform}-${process.arch}`
  if (target !== TARGET) {
    throw new EngineBuildError(`tfjs-node can be built on ${TARGET} only; this is ${target}.`, { cure: instead })
  }
  const version = wheels.glibcVersion()
  const [major, minor] = GLIBC
  if (!version || version[0] < major || (version[0] === major && version[1] < minor)) {
    const here = version ? `glibc ${version.join('.')}` : 'another C library'
    throw new EngineBuildError(
      `TensorFlow ${TENSORFLOW_VERSION} needs glibc ${major}.${minor} or newer; this system has ${here}.`,
      { cure: instead },
    )
  }
}

const findPip = async (python: string | undefined): Promise<wheels.PipCommand> => {
  try {
    return await wheels.findPip(python)
  } catch (cause) {
    const tried = python === undefined ? 'python3, python, pip3, pip' : python
    throw new EngineBuildError(`pip, which fetches TensorFlow, was not found (tried ${tried}).`, {
      cure: 'Install Python 3 with pip (Debian and Ubuntu: apt install python3-pip), or name an interpreter with --python.',
      cause,
    })
  }
}

/** Loads the addon in a process of its own, which may die of it. */
const tryAddon = async (addon: string): Promise<{ tensorflowVersion: string; usesGpu: boolean }> => {
  const script =
    'const b = require(process.argv[1]); console.log(JSON.stringify({ tensorflowVersion: b.TF_Version, usesGpu: b.isUsingGpuDevice() }))'
  const result = await runProgram(process.execPath, ['-e', script, addon])
  if (result.exitCode !== 0) {
    const how = result.signal ? `ended by ${result.signal}` : `exit code ${result.exitCode}`
    throw new EngineBuildError(`the addon was built but does not load (${how}):\n${lastWords(result)}`, { file: addon })
  }
  return JSON.parse(result.stdout) as { tensorflowVersion: string; usesGpu: boolean }
}

/** Copies the addon into the project's own package, where that is of the same version and has none. */
const equipProject = async (variant: TfjsNodeVariant, addon: string, project: string): Promise<string | undefined> => {
  const found = findProjectPackage(variant, project)
  if (!found || found.hasAddon || found.version !== TFJS_NODE_VERSION) return undefined
  await mkdir(dirname(found.addon), { recursive: true })
  const incoming = `${found.addon}.${process.pid}`
  await copyFile(addon, incoming)
  await rename(incoming, found.addon)
  return found.folder
}

const asBuildError = (error: unknown, variant: TfjsNodeVariant): EngineBuildError => {
  if (error instanceof EngineBuildError) return error
  const why = error instanceof Error ? error.message : String(error)
  return new EngineBuildError(`${PARTS[variant].package.name} could not be built: ${why}`, { cause: error })
}
