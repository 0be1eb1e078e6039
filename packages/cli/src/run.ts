import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BabbleError, type InstalledPlugins, loadPlugins, type ModelPlugin, RecipeError } from '@babble/core'
import { Command, CommanderError } from 'commander'
import { addClusterCommand } from './commands/cluster'
import { addEngineCommand } from './commands/engine'
import { addEvaluateCommand } from './commands/evaluate'
import { addFeaturesCommand } from './commands/features'
import { addModelsCommand } from './commands/models'
import { addPluginCommands } from './commands/plugin-commands'
import { addPrepareCommand } from './commands/prepare'
import { addTrainCommand, type SessionMaker } from './commands/train'
import { addTranscribeCommand } from './commands/transcribe'
import { exitCodeFor, exitCodes } from './exit-codes'
import type { CommandIo } from './io'
import { type CommonOptions, Session } from './session'

const ownFolder = dirname(fileURLToPath(import.meta.url))

const version = (): string => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

const footer = `
Recordings to model in four commands:
  babble prepare folder recordings corpus
  babble pretrain wav2vec2 --data corpus --size tiny
  babble finetune wav2vec2 --data corpus --size tiny --from runs/wav2vec2-pretrain-tiny
  babble transcribe speech.wav --model runs/wav2vec2-finetune-tiny

Models come in packages of their own, found in the project and beside this command: npm install @babble/wav2vec2

Exit codes: 0 done, 1 failed, 2 wrong usage or recipe, 130 interrupted by Ctrl-C and 143 by SIGTERM (what was done is saved)
`

/** What an error says, for scripts. */
const errorJson = (error: unknown): Record<string, unknown> => {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  if (!(error instanceof BabbleError)) return { name, message }
  const { file, field, cure } = error
  return {
    name,
    message,
    ...(file === undefined ? {} : { file }),
    ...(field === undefined ? {} : { field }),
    ...(cure === undefined ? {} : { cure }),
    ...(error instanceof RecipeError ? { problems: error.problems } : {}),
  }
}

const errorText = (error: unknown, verbose: boolean): string => {
  if (!(error instanceof Error)) return `babble: ${String(error)}`
  if (verbose && error.stack) return error.stack
  const words = error.message.trimEnd()
  // Of an error that nobody made on purpose, the message alone may say little.
  return error instanceof BabbleError
    ? `babble: ${words}`
    : `babble: ${error.name}: ${words}\nAdd --verbose to see where.`
}

const buildProgram = (io: CommandIo, maker: SessionMaker): Command => {
  const program = new Command('babble')
    .description('Self-supervised speech models: prepare, pre-train, fine-tune, transcribe, evaluate')
    .version(version())
    .exitOverride()
    // Options belong to the command that they follow, as models and commands share names of options.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: io.out,
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => io.err.columns ?? 100,
      getErrHelpWidth: () => io.err.columns ?? 100,
      outputError: (text, write) => write(text.replace(/^error:/, 'babble:')),
    })
    .addHelpText('after', footer)
  addPrepareCommand(program, maker)
  addTrainCommand(program, 'pretrain', maker)
  addTrainCommand(program, 'finetune', maker)
  addTranscribeCommand(program, maker)
  addEvaluateCommand(program, maker)
  addFeaturesCommand(program, maker)
  addClusterCommand(program, maker)
  addModelsCommand(program, maker)
  addEngineCommand(program, maker)
  addPluginCommands(program, maker)
  return program
}

export interface RunOptions {
  /** Used in place of the packages that are installed. */
  readonly plugins?: readonly ModelPlugin[]
  /** Folders to look for packages from. Default: the working folder, and this command's own. */
  readonly lookIn?: readonly string[]
}

/**
 * Runs the `babble` command.
 *
 * @param argv The arguments, without those of Node.
 * @returns the exit code; nothing is thrown.
 */
export const run = async (argv: readonly string[], io: CommandIo, options: RunOptions = {}): Promise<number> => {
  let code: number = exitCodes.ok
  const fail = (error: unknown, common: CommonOptions) => {
    code = exitCodeFor(error, io.signal)
    io.err.write(`${errorText(error, common.verbose ?? false)}\n`)
    if (common.json) io.out(`${JSON.stringify({ error: errorJson(error) }, null, 2)}\n`)
  }
  const json = argv.includes('--json')
  try {
    const plugins: InstalledPlugins = options.plugins
      ? { plugins: options.plugins.map((plugin) => ({ plugin })), broken: [] }
      : await loadPlugins(options.lookIn ?? [io.cwd, ownFolder], ownFolder)
    const program = buildProgram(io, {
      plugins,
      run: async (common, work) => {
        try {
          code = await work(new Session(io, plugins, common))
        } catch (error) {
          fail(error, common)
        }
      },
    })
    if (argv.length === 0) {
      program.outputHelp()
      return exitCodes.usage
    }
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) fail(error, { json, verbose: argv.includes('--verbose') })
    // Help and version that were asked for.
    else if (error.exitCode === 0) code = exitCodes.ok
    else {
      code = exitCodes.usage
      if (json) io.out(`${JSON.stringify({ error: { name: 'UsageError', message: error.message } }, null, 2)}\n`)
    }
  }
  return code
}
