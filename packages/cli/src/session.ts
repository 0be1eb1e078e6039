import { resolve } from 'node:path'
import {
  type Engine,
  type EngineChoice,
  type EngineDevice,
  EngineError,
  type InstalledPlugins,
  type Listener,
  loadEngine,
  type ProgressListener,
  terminalProgress,
} from '@babble/core'
import type { Command } from 'commander'
import { Interrupted } from './exit-codes'
import type { CommandIo } from './io'
import { taskProgress } from './task-progress'

const engines = ['auto', 'xla', 'tfjs-node', 'tfjs-node-gpu', 'wasm', 'cpu']
const devices = ['auto', 'cpu', 'cuda', 'rocm', 'oneapi', 'metal', 'tpu']

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

export interface EngineOptions {
  readonly engine: string
  readonly device: string
}

export const addCommonOptions = (command: Command): Command =>
  command
    .option('--json', 'one JSON document on standard output, for scripts')
    .option('--quiet', 'no progress and no notes')
    .option('--verbose', 'the stack of an error')

export const addEngineOptions = (command: Command): Command =>
  command
    .addOption(command.createOption('--engine <name>', 'what computes').choices(engines).default('auto'))
    .addOption(command.createOption('--device <kind>', 'what it computes on').choices(devices).default('auto'))

/** What a command works with: where words go, which plugins there are, and how the engine is started. */
export class Session implements Listener {
  readonly io: CommandIo
  readonly plugins: InstalledPlugins
  readonly options: CommonOptions
  readonly #task: ReturnType<typeof taskProgress>

  constructor(io: CommandIo, plugins: InstalledPlugins, options: CommonOptions) {
    this.io = io
    this.plugins = plugins
    this.options = options
    this.#task = taskProgress(io.err)
  }

  /** A path as the user gave it, from the working folder. */
  path(path: string): string {
    return resolve(this.io.cwd, path)
  }

  note(text: string): void {
    if (!this.options.quiet) this.io.err.write(`${text}\n`)
  }

  progress(activity: string, done: number, total: number): void {
    if (!this.options.quiet) this.#task(activity, done, total)
  }

  /** The progress of training. */
  get trainingProgress(): ProgressListener {
    return this.options.quiet ? Object.assign(() => {}, { note: () => {} }) : terminalProgress({ stream: this.io.err })
  }

  /** Gives the result: `text` for people, or `json` for scripts. */
  result(text: string, json: unknown): void {
    this.io.out(this.options.json ? `${JSON.stringify(json, null, 2)}\n` : text)
  }

  /** @throws Interrupted when the user has asked to stop. */
  checkInterrupted(): void {
    if (this.io.signal?.aborted) throw new Interrupted('interrupted.')
  }

  /**
   * Starts the engine and says which one.
   *
   * @param needs What it must be able to do beyond a forward pass.
   */
  async startEngine(options: EngineOptions, needs: { training?: boolean; devices?: number } = {}): Promise<Engine> {
    const { training = false, devices = 1 } = needs
    const engine = await loadEngine({
      backend: options.engine as EngineChoice,
      device: options.device as EngineDevice,
      quiet: this.options.quiet ?? false,
      ...(devices > 1 ? { xla: { deviceCount: devices } } : {}),
    })
    if (training && engine.backend === 'wasm') {
      throw new EngineError('TensorFlow.js wasm has no gradients of convolutions, so it cannot train.', {
        field: 'engine',
        cure: 'Install the fast engine with "babble engine install cpu", or use --engine cpu for a toy.',
      })
    }
    return engine
  }
}
