import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, writeFileAtomic } from '@babble/core'

const stateFile = 'demo.json'

/** What `demo.json` in the run's folder says. */
interface RunState {
  /** Of all that the run's outcome follows from. */
  readonly fingerprint: string
  readonly status: 'running' | 'finished'
  /** Seconds that each stage took, over all sessions. */
  readonly seconds: Readonly<Record<string, number>>
}

/** The folders that the demo makes, and may remove. */
const ownFolders = ['pretraining', 'pretrained', 'finetuning', 'model', 'compare']

/** A run's folder: whether there is a run to go on with, and how long its stages took. */
export class RunFolder {
  private constructor(
    readonly path: string,
    /** Whether an interrupted run goes on. */
    readonly resumed: boolean,
    private state: RunState,
  ) {}

  /**
   * Takes the folder for a run. An interrupted run with the same settings goes on; a finished one, or any with `fresh`, is removed.
   *
   * @param settings all that the outcome follows from, as JSON.
   * @throws ConfigError when the folder holds an interrupted run with other settings, or something else.
   */
  static async open(path: string, settings: unknown, fresh = false): Promise<RunFolder> {
    const fingerprint = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16)
    const earlier = await readState(join(path, stateFile))
    const cure = 'Add --fresh to start anew, or name another folder with --out.'
    if (!earlier) {
      const found = (await readdir(path).catch(() => [] as string[])).find((name) => ownFolders.includes(name))
      if (found !== undefined) {
        throw new ConfigError(`the folder holds "${found}", but no ${stateFile} says what it is.`, {
          file: path,
          field: 'out',
          cure: 'Name another folder with --out.',
        })
      }
    }
    const goOn = earlier?.status === 'running' && !fresh
    if (goOn && earlier.fingerprint !== fingerprint) {
      throw new ConfigError('the folder holds an interrupted run with other options, data or version.', {
        file: path,
        field: 'out',
        cure,
      })
    }
    if (earlier && !goOn) for (const name of ownFolders) await rm(join(path, name), { recursive: true, force: true })
    await mkdir(path, { recursive: true })
    const folder = new RunFolder(path, goOn, { fingerprint, status: 'running', seconds: goOn ? earlier.seconds : {} })
    await folder.#write()
    return folder
  }

  /** A path inside the folder. */
  at(...parts: string[]): string {
    return join(this.path, ...parts)
  }

  get seconds(): Readonly<Record<string, number>> {
    return this.state.seconds
  }

  /** Does a stage's work and adds the time it takes, also when it is cut short, to the stage's. */
  async timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      const seconds = (this.state.seconds[stage] ?? 0) + (performance.now() - startedAt) / 1000
      this.state = { ...this.state, seconds: { ...this.state.seconds, [stage]: seconds } }
      await this.#write()
    }
  }

  /** From here on there is nothing to go on with. */
  async finish(): Promise<void> {
    this.state = { ...this.state, status: 'finished' }
    await this.#write()
  }

  #write(): Promise<void> {
    return writeFileAtomic(this.at(stateFile), `${JSON.stringify(this.state, null, 2)}\n`)
  }
}

const readState = async (file: string): Promise<RunState | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new ConfigError(`it cannot be read: ${error.message}.`, { file, cause: error })
  })
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as RunState
  } catch (cause) {
    throw new ConfigError('it is not JSON.', { file, cause, cure: 'Remove the folder, or name another with --out.' })
  }
}
