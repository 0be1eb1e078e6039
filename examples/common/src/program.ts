import { availableParallelism, cpus, totalmem } from 'node:os'
import { BabbleError } from '@babble/core'

/** Writes a line for people; standard output is for results. */
export const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

export const heading = (text: string): void => say(`\n== ${text}`)

/** The first Ctrl-C asks to finish and save; the second ends the process at once. */
const interruptible = (): AbortSignal => {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      say(`\n${name}: finishing this update and saving (once more to stop at once).`)
      controller.abort()
    })
  }
  return controller.signal
}

/** Processor, memory, Node and system, in a line. */
export const machine = (): string => {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  return `Machine: ${model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB; Node ${process.versions.node}, ${process.platform} ${process.arch}.`
}

/** What a program is made of. */
export interface Program<Arguments extends { readonly help: boolean }> {
  readonly helpText: string
  /** Reads the command line. */
  readonly parse: (args: readonly string[], environment: Readonly<Record<string, string | undefined>>) => Arguments
  /** Does the work. @returns whether it came to its end, which it does unless it is told to stop. */
  readonly run: (args: Arguments, signal: AbortSignal) => Promise<boolean>
}

/** Runs a program of the command line. Its exit code is 0, 1 after an error, or 130 when it was interrupted. */
export const runProgram = async <Arguments extends { readonly help: boolean }>({
  helpText,
  parse,
  run,
}: Program<Arguments>): Promise<void> => {
  try {
    const args = parse(process.argv.slice(2), process.env)
    if (args.help) {
      process.stdout.write(helpText)
      return
    }
    const signal = interruptible()
    try {
      if (!(await run(args, signal))) process.exitCode = 130
    } catch (error) {
      // What was under way was told to stop.
      if (!signal.aborted || error instanceof BabbleError) throw error
      process.exitCode = 130
    }
  } catch (error) {
    // Errors made on purpose say what to do; of others, the stack is of use.
    say(error instanceof BabbleError ? `\n${error.name}: ${error.message}` : `\n${(error as Error).stack ?? error}`)
    process.exitCode = 1
  }
}
