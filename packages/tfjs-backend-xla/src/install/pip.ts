import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { PluginInstallError } from './errors'

/** A way of starting pip: a program and its first arguments. */
export type PipCommand = readonly [string, ...string[]]

/** What to download: exactly one version of a package, built for one platform. */
export interface PipRequest {
  readonly name: string
  readonly version: string
  /** The wheel's platform tag. */
  readonly tag: string
}

const CANDIDATES: readonly PipCommand[] = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']]

/**
 * `--no-cache-dir`: a copy of some gigabytes in pip's own cache would serve nobody. The Python version is one that all
 * wheels are published for: none of them holds compiled Python, so that of the user does not matter.
 */
const OPTIONS = [
  '--no-deps',
  '--only-binary=:all:',
  '--no-cache-dir',
  '--disable-pip-version-check',
  '--no-input',
  '--python-version',
  '3.13',
]

interface Outcome {
  /** Undefined when the program could not be started. */
  readonly exitCode: number | null | undefined
  readonly output: string
}

/**
 * Finds a pip that starts.
 * @param python a Python interpreter to use instead of those on the PATH.
 * @throws PluginInstallError when there is none.
 */
export async function findPip(python?: string): Promise<PipCommand> {
  const candidates: readonly PipCommand[] = python ? [[python, '-m', 'pip']] : CANDIDATES
  for (const candidate of candidates) {
    const { exitCode } = await run([...candidate, '--version'])
    if (exitCode === 0) return candidate
  }
  throw new PluginInstallError(
    `pip, which fetches the plugin, was not found (tried ${candidates.map((words) => words.join(' ')).join(', ')}). ` +
      'Install Python 3 with pip (Debian and Ubuntu: apt install python3-pip), or name a PJRT plugin you already ' +
      'have by its path in BABBLE_PJRT_PLUGIN.',
  )
}

/**
 * Downloads one package's wheel into an empty folder, without what it depends on, and returns the wheel's path.
 * @param onBytes told now and then how much of it is there.
 */
export async function downloadWheel(
  pip: PipCommand,
  { name, version, tag }: PipRequest,
  folder: string,
  onBytes: (received: number) => void = () => {},
): Promise<string> {
  const requirement = `${name}==${version}`
  // pip collects what it downloads in its temporary folder: on the same disk, whose space has been checked, and in view.
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary, { recursive: true })
  const environment = { ...process.env, TMPDIR: temporary }
  const timer = setInterval(() => onBytes(largestFile(folder)), 500)
  try {
    const command = [...pip, 'download', ...OPTIONS, '--platform', tag, '--dest', folder, requirement]
    const { exitCode, output } = await run(command, environment)
    if (exitCode !== 0) {
      throw new PluginInstallError(
        `pip could not download ${requirement} (${pip.join(' ')}, exit code ${exitCode}). Its last words:\n` +
          output.trim().split('\n').slice(-6).join('\n'),
      )
    }
  } finally {
    clearInterval(timer)
  }
  const wheels = readdirSync(folder).filter((file) => file.endsWith('.whl'))
  if (wheels.length !== 1) {
    throw new PluginInstallError(`pip left ${wheels.length} wheels for ${requirement} where one was expected`)
  }
  return join(folder, wheels[0]!)
}

function largestFile(folder: string): number {
  let largest = 0
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) largest = Math.max(largest, statSync(join(entry.parentPath, entry.name)).size)
    }
  } catch {
    // A temporary file went while it was being looked at: there will be a next time.
  }
  return largest
}

function run(command: readonly string[], environment?: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(environment && { env: environment }),
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
      })
    }
    child.once('error', () => resolve({ exitCode: undefined, output }))
    child.once('close', (exitCode) => resolve({ exitCode, output }))
  })
}
