import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PluginInstallError } from './errors'

/** A way of starting pip: a program and its first arguments. */
export type PipCommand = readonly [string, ...string[]]

const CANDIDATES: readonly PipCommand[] = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']]

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

/** Downloads one package's wheel into an empty folder, without what it depends on, and returns the wheel's path. */
export async function downloadWheel(
  pip: PipCommand,
  requirement: string,
  folder: string,
  onLine: (line: string) => void = () => {},
): Promise<string> {
  const options = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--no-input']
  const { exitCode, output } = await run([...pip, 'download', ...options, '--dest', folder, requirement], onLine)
  if (exitCode !== 0) {
    throw new PluginInstallError(
      `pip could not download ${requirement} (${pip.join(' ')}, exit code ${exitCode}). Its last words:\n` +
        output.trim().split('\n').slice(-6).join('\n'),
    )
  }
  const wheels = readdirSync(folder).filter((file) => file.endsWith('.whl'))
  if (wheels.length !== 1) {
    throw new PluginInstallError(`pip left ${wheels.length} wheels for ${requirement} where one was expected`)
  }
  return join(folder, wheels[0]!)
}

function run(command: readonly string[], onLine?: (line: string) => void): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let unfinished = ''
    const read = (chunk: string) => {
      output += chunk
      const lines = (unfinished + chunk).split(/\r?\n|\r/)
      unfinished = lines.pop() ?? ''
      for (const line of lines) if (line.trim() !== '') onLine?.(line.trim())
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read)
    child.once('error', () => resolve({ exitCode: undefined, output }))
    child.once('close', (exitCode) => resolve({ exitCode, output }))
  })
}
