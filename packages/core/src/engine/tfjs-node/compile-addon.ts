import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { EngineBuildError } from '../errors'
import { ADDON_SOURCE } from './addon-source'
import { NAPI_VERSION } from './catalogue'
import { lastWords, runProgram } from './run-program'

/** Fewer lines of a compiler's complaint than this do not tell what is wrong. */
const COMPILER_LINES = 30

/** The C++ compiler: `CXX`, else `g++`. */
const compilerCommand = (): [string, ...string[]] => {
  const words = (process.env.CXX ?? '').split(/\s+/).filter((word) => word !== '')
  return words.length > 0 ? (words as [string, ...string[]]) : ['g++']
}

/** @throws EngineBuildError when there is no C++ compiler. */
export const expectCompiler = async (): Promise<void> => {
  const [program, ...first] = compilerCommand()
  if ((await runProgram(program, [...first, '--version'])).exitCode === 0) return
  throw new EngineBuildError(`no C++ compiler was found (tried ${program}).`, {
    cure: 'Install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++), or name it in CXX.',
  })
}

export interface CompileAddonOptions {
  /** The unpacked package of tfjs-node, with the sources in `binding`. */
  readonly package: string
  /** A folder with `node_api.h`. */
  readonly nodeHeaders: string
  /** The folder with `tensorflow/include` and the libraries in `tensorflow`. */
  readonly tensorflow: string
  /** Where the addon looks for the libraries, in this order; `$ORIGIN` is its own folder. */
  readonly runPath: readonly string[]
  readonly addon: string
}

/** Compiles tfjs-node's addon; takes about a quarter of a minute. */
export const compileAddon = async (options: CompileAddonOptions): Promise<void> => {
  const [program, ...first] = compilerCommand()
  const libraries = join(options.tensorflow, 'tensorflow')
  await mkdir(dirname(options.addon), { recursive: true })
  const source = `${options.addon}.cc`
  await writeFile(source, ADDON_SOURCE)
  const result = await runProgram(program, [
    ...first,
    '-std=c++17',
    '-O2',
    '-fPIC',
    '-shared',
    `-DNAPI_VERSION=${NAPI_VERSION}`,
    '-DBUILDING_NODE_EXTENSION',
    `-I${options.nodeHeaders}`,
    `-I${options.package}`,
    `-I${join(libraries, 'include')}`,
    source,
    join(options.package, 'binding', 'tfjs_backend.cc'),
    '-o',
    options.addon,
    `-L${libraries}`,
    '-l:libtensorflow_cc.so.2',
    '-l:libtensorflow_framework.so.2',
    `-Wl,-rpath,${options.runPath.join(':')}`,
  ])
  await rm(source)
  if (result.exitCode === 0) return
  const words = lastWords(result, COMPILER_LINES)
  throw new EngineBuildError(`the addon of tfjs-node did not compile. What ${program} says:\n${words}`)
}
