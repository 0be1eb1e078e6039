import { diagnose, printDiagnosis } from '../doctor/index'
import { cacheDirectory } from './cache'
import { DEVICE_KINDS, type DeviceKind, INSTALLABLE } from './catalogue'
import { findPlugins, installHint, type PluginInfo } from './discover'
import { PluginInstallError, PluginNotFoundError } from './errors'
import { formatBytes } from './format'
import { type InstallProgress, installPlugin } from './install'

const USAGE = `tfjs-xla: install, find and examine PJRT plugins, which run XLA programs for the xla backend

Usage
  tfjs-xla install <plugin>   Fetch a plugin and the libraries it needs with pip, check them, unpack them in the cache folder
${pluginLines()}
  tfjs-xla where              Show which plugin the backend uses, and which others are here
  tfjs-xla doctor             Open every plugin, compute with it, measure the speed, and say what to do next
  tfjs-xla --help             Show this text

Options
  --cache <folder>            The cache folder (default: BABBLE_CACHE, or 'babble' in the user's cache folder)
  --python <program>          install: the Python interpreter whose pip downloads (default: the first that works)
  --device <device>           where: only this kind: ${DEVICE_KINDS.join(', ')} (default: all, in the order they are tried)
  --json                      doctor: print the findings as JSON
  --no-speed                  doctor: do not measure the speed, which takes about ten seconds

Environment
  BABBLE_PJRT_PLUGIN          Path of a plugin to use instead of any found
  BABBLE_CACHE                The cache folder
  BABBLE_MEMORY_FRACTION      Share of a GPU's memory that XLA takes (default 0.8)
  BABBLE_PREALLOCATE          false: take it as it is needed, not at the start

Examples
  npx tfjs-xla install cpu
  npx tfjs-xla install cuda13
  npx tfjs-xla install cpu --python .venv/bin/python
  npx tfjs-xla where --device cuda
  npx tfjs-xla doctor --json --no-speed
  BABBLE_PJRT_PLUGIN=/opt/xla/plugin.so npx tfjs-xla doctor

Exit code: 0 done (doctor: the backend works), 1 failed or nothing found, 2 wrong usage
`

function pluginLines(): string {
  return Object.entries(INSTALLABLE)
    .map(([name, { device }]) => `${' '.repeat(30)}${name.padEnd(8)}${device}`)
    .join('\n')
}

/** Where the command writes: results and progress. */
export interface CommandOutput {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  /** Whether `error` goes to a terminal, where a line can be written over. */
  readonly terminal?: boolean
}

class UsageError extends Error {}

/** Runs the `tfjs-xla` command and returns its exit code. */
export async function runCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  try {
    const { positionals, options } = parse(args)
    const [command, ...rest] = positionals
    if (options.help || command === 'help') return help(output)
    if (command === 'install') return await install(rest, options, output)
    if (command === 'where') return where(rest, options, output)
    if (command === 'doctor') return await doctor(rest, options, output)
    throw new UsageError(command === undefined ? 'What shall be done?' : `There is no command '${command}'`)
  } catch (error) {
    if (error instanceof UsageError) {
      output.error(`tfjs-xla: ${error.message}\nSee tfjs-xla --help\n`)
      return 2
    }
    if (error instanceof PluginInstallError || error instanceof PluginNotFoundError) {
      output.error(`tfjs-xla: ${error.message}\n`)
      return 1
    }
    throw error
  }
}

interface Options {
  help?: boolean
  cache?: string
  python?: string
  device?: string
  json?: boolean
  noSpeed?: boolean
}

const WITH_VALUE = ['cache', 'python', 'device'] as const
const FLAGS = { '--help': 'help', '-h': 'help', '--json': 'json', '--no-speed': 'noSpeed' } as const
/** Which options go with which command; `cache` goes with all. */
const COMMAND_OPTIONS: Readonly<Record<string, readonly (keyof Options)[]>> = {
  install: ['python'],
  where: ['device'],
  doctor: ['json', 'noSpeed'],
}

function parse(args: readonly string[]): { positionals: string[]; options: Options } {
  const positionals: string[] = []
  const options: Options = {}
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (Object.hasOwn(FLAGS, arg)) {
      options[FLAGS[arg as keyof typeof FLAGS]] = true
    } else if (arg.startsWith('-')) {
      const [flag, inline] = splitOnce(arg, '=')
      const name = WITH_VALUE.find((known) => flag === `--${known}`)
      if (!name) throw new UsageError(`There is no option ${flag}`)
      const value = inline ?? args[++i]
      if (!value || (inline === undefined && value.startsWith('--'))) throw new UsageError(`${flag} needs a value`)
      options[name] = value
    } else {
      positionals.push(arg)
    }
  }
  return { positionals, options }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function checkOptions(command: string, options: Options): void {
  for (const name of Object.keys(options) as (keyof Options)[]) {
    if (name === 'cache' || COMMAND_OPTIONS[command]!.includes(name)) continue
    throw new UsageError(`--${name === 'noSpeed' ? 'no-speed' : name} does not go with ${command}`)
  }
}

function help({ out }: CommandOutput): number {
  out(USAGE)
  return 0
}

async function install(plugins: readonly string[], options: Options, output: CommandOutput): Promise<number> {
  if (plugins.length !== 1) throw new UsageError(`install takes one plugin: ${Object.keys(INSTALLABLE).join(', ')}`)
  checkOptions('install', options)
  const progress = progressLine(output)
  try {
    const { path } = await installPlugin(plugins[0]!, {
      cacheDirectory: options.cache,
      python: options.python,
      onProgress: progress.message,
      ...(output.terminal && { onBytes: progress.bytes }),
    })
    output.out(`${path}\n`)
    return 0
  } finally {
    progress.clear()
  }
}

/** Messages one below the other, and under them a line of how far the download is. */
function progressLine({ error }: CommandOutput) {
  const start = Date.now()
  let shown = false
  const clear = () => {
    if (shown) error('\r\u001b[K')
    shown = false
  }
  return {
    clear,
    message: (message: string) => {
      clear()
      error(`${message}\n`)
    },
    bytes: ({ received, total }: InstallProgress) => {
      const percent = Math.floor((100 * received) / Math.max(1, total))
      const rate = received / Math.max(1, (Date.now() - start) / 1000)
      error(`\r\u001b[K${percent} % of ${formatBytes(total)}, ${formatBytes(rate)} a second`)
      shown = true
    },
  }
}

function where(rest: readonly string[], options: Options, { out, error }: CommandOutput): number {
  if (rest.length > 0) throw new UsageError(`where takes no '${rest[0]}'`)
  checkOptions('where', options)
  const device = options.device ?? 'auto'
  if (device !== 'auto' && !DEVICE_KINDS.includes(device as DeviceKind)) {
    throw new UsageError(`--device is auto, ${DEVICE_KINDS.join(', ')}, not '${device}'`)
  }
  const cache = options.cache ?? cacheDirectory()
  const found = findPlugins({ device: device as 'auto' | DeviceKind, cacheDirectory: cache })
  const paths = new Set(found.map(({ path }) => path))
  const others = device === 'auto' ? findPlugins({ device: 'any', cacheDirectory: cache }) : []
  found.forEach((plugin, i) => {
    out(describe(i === 0 ? 'used' : 'also', plugin))
  })
  for (const plugin of others) if (!paths.has(plugin.path)) out(describe('no device', plugin))
  if (found.length > 0) return 0
  if (others.length > 0) {
    error(`None of these is for a device that this machine shows signs of. ${installHint()}\n`)
    return 1
  }
  const wanted = device === 'auto' ? '' : ` for ${device}`
  error(`No PJRT plugin${wanted} in BABBLE_PJRT_PLUGIN, the cache folder ${cache} or Python. ${installHint()}\n`)
  return 1
}

function describe(role: string, plugin: PluginInfo): string {
  const origin = { environment: 'BABBLE_PJRT_PLUGIN', cache: 'installed', python: 'from Python' }[plugin.source]
  const words = [plugin.kind ?? 'unknown device', plugin.version, origin].filter((word) => word !== undefined)
  return `${role.padEnd(role.length > 6 ? 9 : 6)} ${plugin.path} (${words.join(', ')})\n`
}

async function doctor(rest: readonly string[], options: Options, { out, error }: CommandOutput): Promise<number> {
  if (rest.length > 0) throw new UsageError(`doctor takes no '${rest[0]}'`)
  checkOptions('doctor', options)
  const diagnosis = await diagnose({
    speed: options.noSpeed !== true,
    cacheDirectory: options.cache,
    onProgress: (message) => error(`${message}\n`),
  })
  out(options.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : printDiagnosis(diagnosis))
  return diagnosis.usable ? 0 : 1
}
