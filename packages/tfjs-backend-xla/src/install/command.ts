import { cacheDirectory } from './cache'
import { INSTALLABLE } from './catalogue'
import { findPlugins, installHint } from './discover'
import { PluginInstallError, PluginNotFoundError } from './errors'
import { installPlugin } from './install'

const USAGE = `tfjs-xla: install and find PJRT plugins, which run XLA programs for the xla backend

Usage
  tfjs-xla install <plugin>   Fetch a plugin with pip, check it, and unpack it in the cache folder
                              Plugins: ${Object.keys(INSTALLABLE).join(', ')}
  tfjs-xla where              Show which plugin the backend uses, and which others it could
  tfjs-xla --help             Show this text

Options
  --cache <folder>            The cache folder (default: BABBLE_CACHE, or 'babble' in the user's cache folder)
  --python <program>          install: the Python interpreter whose pip downloads (default: the first that works)
  --device <auto|cpu|cuda>    where: the kind of device (default: auto)

Environment
  BABBLE_PJRT_PLUGIN          Path of a plugin to use instead of any found
  BABBLE_CACHE                The cache folder

Examples
  npx tfjs-xla install cpu
  npx tfjs-xla install cpu --python .venv/bin/python
  npx tfjs-xla where --device cuda
  BABBLE_PJRT_PLUGIN=/opt/xla/plugin.so npx tfjs-xla where

Exit code: 0 done, 1 failed or nothing found, 2 wrong usage
`

/** Where the command writes: results and progress. */
export interface CommandOutput {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
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
}

const WITH_VALUE = ['cache', 'python', 'device'] as const

function parse(args: readonly string[]): { positionals: string[]; options: Options } {
  const positionals: string[] = []
  const options: Options = {}
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--help' || arg === '-h') {
      options.help = true
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

function help({ out }: CommandOutput): number {
  out(USAGE)
  return 0
}

async function install(plugins: readonly string[], options: Options, { out, error }: CommandOutput): Promise<number> {
  if (plugins.length !== 1) throw new UsageError(`install takes one plugin: ${Object.keys(INSTALLABLE).join(', ')}`)
  if (options.device) throw new UsageError('--device does not go with install')
  const { path } = await installPlugin(plugins[0]!, {
    cacheDirectory: options.cache,
    python: options.python,
    onProgress: (message) => error(`${message}\n`),
  })
  out(`${path}\n`)
  return 0
}

function where(rest: readonly string[], options: Options, { out, error }: CommandOutput): number {
  if (rest.length > 0) throw new UsageError(`where takes no '${rest[0]}'`)
  if (options.python) throw new UsageError('--python does not go with where')
  const device = options.device ?? 'auto'
  if (device !== 'auto' && device !== 'cpu' && device !== 'cuda') {
    throw new UsageError(`--device is auto, cpu or cuda, not '${device}'`)
  }
  const cache = options.cache ?? cacheDirectory()
  const found = findPlugins({ device, cacheDirectory: cache })
  if (found.length === 0) {
    const wanted = device === 'auto' ? '' : ` for ${device}`
    error(`No PJRT plugin${wanted} in BABBLE_PJRT_PLUGIN, the cache folder ${cache} or Python. ${installHint()}\n`)
    return 1
  }
  found.forEach((plugin, i) => {
    const origin = { environment: 'BABBLE_PJRT_PLUGIN', cache: 'installed', python: 'from Python' }[plugin.source]
    const words = [plugin.kind ?? 'unknown device', plugin.version, origin].filter((word) => word !== undefined)
    out(`${i === 0 ? 'used  ' : 'also  '} ${plugin.path} (${words.join(', ')})\n`)
  })
  return 0
}
