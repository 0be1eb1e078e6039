import { spawn } from 'node:child_process'

/** How a program ended. */
export interface ProgramResult {
  /** Undefined when the program could not be started; null when a signal ended it. */
  readonly exitCode: number | null | undefined
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** The program is killed after this long. Default: never. */
  readonly timeoutMs?: number
}

/** Runs a program to its end; does not throw, whatever becomes of it. */
export const runProgram = (
  program: string,
  args: readonly string[],
  { timeoutMs, ...options }: RunProgramOptions = {},
): Promise<ProgramResult> =>
  new Promise((resolve) => {
    const child = spawn(program, args, {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.once('error', () => resolve({ exitCode: undefined, signal: null, stdout, stderr }))
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }))
  })

/** The end of what a program said, for an error's message. */
export const lastWords = ({ stdout, stderr }: ProgramResult, lines = 8): string =>
  (stderr.trim() || stdout.trim()).split('\n').slice(-lines).join('\n')
