import { parseArgs } from 'node:util'
import { diagnoseEngines } from './doctor/diagnose'
import { printEngines } from './doctor/print'
import { isProbedEngine, PROBED_ENGINES } from './doctor/report'
import { EngineError } from './errors'
import { buildTfjsNode } from './tfjs-node/index'

const USAGE = `babble-engine: build and look into the engines that TensorFlow.js programs run on

Usage
  babble-engine build tfjs-node [--gpu]   Make @tensorflow/tfjs-node (or -gpu) 4.22.0 work with current TensorFlow and Node:
                                          fetch TensorFlow with pip and the package's sources with npm, and compile its
                                          addon with g++, all in the cache folder
  babble-engine doctor                    Try every engine, each in a process of its own: what loads, on which device, how
                                          fast, which one loadEngine() takes and how to get a faster one
  babble-engine --help                    Show this text

Options
  --gpu                   build: @tensorflow/tfjs-node-gpu, for NVIDIA GPUs, with CUDA 12 (3.2 GB to download)
  --install               build: install the package in the project too, to import it there (npm install --ignore-scripts)
  --project <folder>      build: the project whose installed package is given the addon (default: the working folder)
  --python <program>      build: the Python interpreter whose pip downloads (default: the first that works)
  --cache <folder>        build: the cache folder (default: BABBLE_CACHE, or 'babble' in the user's cache folder)
  --force                 build: compile again though it is built already
  --engine <name>         doctor: only this engine, may be repeated (${PROBED_ENGINES.join(', ')})
  --seconds <number>      doctor: how long an engine's speed is measured (default 10; 0 leaves it out)
  --json                  doctor: the findings as JSON

Environment
  BABBLE_CACHE            The cache folder
  BABBLE_PJRT_PLUGIN      Path of the PJRT plugin of the engine xla
  CXX                     The C++ compiler (default g++)

Examples
  npx babble-engine build tfjs-node
  npx babble-engine build tfjs-node --gpu --python .venv/bin/python
  npx babble-engine doctor
  npx babble-engine doctor --engine xla --engine tfjs-node --seconds 3 --json

Exit code: 0 done, 1 failed or no engine works, 2 wrong usage
`

/** Where the command writes, and what it needs of its surroundings. */
export interface EngineCommandContext {
  /** Results. */
  readonly out: (text: string) => void
  /** Progress and errors. */
  readonly error: (text: string) => void
  /** The file that answers `probe <engine>` by trying it: this program itself. */
  readonly program: string
  /** Whether progress may overwrite its line. Default false. */
  readonly isTerminal?: boolean
}

class UsageError extends Error {}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  gpu: { type: 'boolean' },
  install: { type: 'boolean' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
  project: { type: 'string' },
  python: { type: 'string' },
  cache: { type: 'string' },
  seconds: { type: 'string' },
  engine: { type: 'string', multiple: true },
} as const

/** Which command takes which options. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  build: ['gpu', 'install', 'force', 'project', 'python', 'cache'],
  doctor: ['json', 'seconds', 'engine'],
}

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]!)
  }
}

type Values = ReturnType<typeof parse>['values']

/** Runs the `babble-engine` command and returns its exit code. */
export const runEngineCommand = async (args: readonly string[], context: EngineCommandContext): Promise<number> => {
  try {
    const { positionals, values } = parse(args)
    const [command, ...rest] = positionals
    if (values.help || command === 'help') {
      context.out(USAGE)
      return 0
    }
    if (command === undefined) throw new UsageError('What shall be done?')
    const takes = TAKES[command]
    if (!takes) throw new UsageError(`There is no command '${command}'`)
    const stray = Object.keys(values).find((name) => !takes.includes(name))
    if (stray) throw new UsageError(`--${stray} does not go with ${command}`)
    return command === 'build' ? await build(rest, values, context) : await doctor(rest, values, context)
  } catch (error) {
    if (error instanceof UsageError) {
      context.error(`babble-engine: ${error.message}\nSee babble-engine --help\n`)
      return 2
    }
    if (error instanceof EngineError) {
      context.error(`babble-engine: ${error.message}\n`)
      return 1
    }
    throw error
  }
}

const build = async (what: readonly string[], values: Values, context: EngineCommandContext): Promise<number> => {
  if (what.length !== 1 || what[0] !== 'tfjs-node') {
    throw new UsageError(`build takes one thing to build, tfjs-node, not '${what.join(' ')}'`)
  }
  const { gpu = false } = values
  let shown = ''
  const done = await buildTfjsNode({
    gpu,
    force: values.force ?? false,
    installPackage: values.install ?? false,
    ...(values.project !== undefined && { project: values.project }),
    python: values.python,
    cacheDirectory: values.cache,
    onProgress: (message) => context.error(`${message}\n`),
    onBytes: ({ received, total }) => {
      const now = `  ${Math.floor((100 * received) / total)} %`
      if (!context.isTerminal || now === shown) return
      shown = now
      context.error(received < total ? `${now}\r` : `${' '.repeat(now.length)}\r`)
    },
  })
  const name = gpu ? 'tfjs-node-gpu' : 'tfjs-node'
  context.error(`${name} runs TensorFlow ${done.tensorflowVersion} on ${done.usesGpu ? 'an NVIDIA GPU' : 'the CPU'}.\n`)
  if (gpu && !done.usesGpu) context.error('It found no GPU here; see `babble-engine doctor`.\n')
  context.error(`Use it with loadEngine({ backend: '${name}' }).\n`)
  context.error(
    done.project
      ? `In the project, import '@tensorflow/${name}' works too.\n`
      : `To import '@tensorflow/${name}' itself: npx babble-engine build tfjs-node${gpu ? ' --gpu' : ''} --install\n`,
  )
  context.out(`${done.addon}\n`)
  return 0
}

const doctor = async (rest: readonly string[], values: Values, context: EngineCommandContext): Promise<number> => {
  if (rest.length > 0) throw new UsageError(`doctor takes no '${rest[0]}'`)
  const engines = (values.engine ?? [...PROBED_ENGINES]).map((name) => {
    if (!isProbedEngine(name)) throw new UsageError(`--engine is one of ${PROBED_ENGINES.join(', ')}, not '${name}'`)
    return name
  })
  const seconds = Number(values.seconds ?? 10)
  if (!(seconds >= 0 && seconds <= 600))
    throw new UsageError(`--seconds is a number up to 600, not '${values.seconds}'`)
  const findings = await diagnoseEngines({
    engines,
    seconds,
    program: context.program,
    onProgress: (message) => context.error(`${message}\n`),
  })
  context.out(values.json ? `${JSON.stringify(findings, null, 2)}\n` : printEngines(findings))
  return findings.taken === undefined ? 1 : 0
}
