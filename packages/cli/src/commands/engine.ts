import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { BabbleError } from '@babble/core'
import type { Command } from 'commander'
import type { CommandIo } from '../io'
import type { SessionMaker } from './train'

/** Which package's command does what, as seen from the package before it in the chain of dependencies. */
const programs = {
  doctor: { chain: ['@babble/core'], bin: 'babble-engine', arguments: ['doctor'] },
  build: { chain: ['@babble/core'], bin: 'babble-engine', arguments: ['build'] },
  install: { chain: ['@babble/core', '@babble/tfjs-backend-xla'], bin: 'tfjs-xla', arguments: ['install'] },
} as const

/** The program file of a package's command. @throws BabbleError when it is not there. */
const programOf = (chain: readonly string[], bin: string): string => {
  let from = import.meta.url
  for (const name of chain) from = createRequire(from).resolve(`${name}/package.json`)
  const { bin: bins } = JSON.parse(readFileSync(from, 'utf8')) as { bin: Record<string, string> }
  const file = join(dirname(from), bins[bin]!)
  if (existsSync(file)) return file
  throw new BabbleError('the program is not there.', { file, cure: 'Install the package again (or build it).' })
}

/** Runs another program as a part of this one. @returns its exit code. */
const pass = (file: string, args: readonly string[], io: CommandIo): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: io.cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    const stop = () => child.kill(io.signal?.reason === 'SIGTERM' ? 'SIGTERM' : 'SIGINT')
    io.signal?.addEventListener('abort', stop, { once: true })
    child.stdout.setEncoding('utf8').on('data', (text: string) => io.out(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => io.err.write(text))
    child.on('error', reject)
    child.on('close', (code) => {
      io.signal?.removeEventListener('abort', stop)
      resolve(code ?? 1)
    })
  })

const about = {
  doctor: 'try every engine: what loads, on which device, how fast, and how to get a faster one',
  install: "fetch XLA's plugin for a device: cpu, cuda12, cuda13, …",
  build: 'make @tensorflow/tfjs-node work with current TensorFlow and Node',
} as const

/** `babble engine`: what the engine packages' own commands do, under one roof. */
export const addEngineCommand = (program: Command, session: SessionMaker): void => {
  const parent = program
    .command('engine')
    .description('Look into, install and build the engines that models run on')
    .addHelpText(
      'after',
      `
Examples:
  babble engine doctor
  babble engine install cpu
  babble engine install cuda13
  babble engine build tfjs-node --gpu
`,
    )
  for (const [name, summary] of Object.entries(about)) {
    const { chain, bin, arguments: first } = programs[name as keyof typeof programs]
    parent
      .command(name)
      .description(summary)
      .argument('[arguments...]')
      .helpOption(false)
      .allowUnknownOption()
      .passThroughOptions()
      .action((args: string[]) => {
        const own = args.includes('--help') || args.includes('-h') ? ['--help'] : [...first, ...args]
        return session.run({}, (active) => pass(programOf(chain, bin), own, active.io))
      })
  }
}
