import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** The first line that a contestant's process prints, once its model is built. */
export interface Introduction {
  readonly ready: true
  /** Engine and versions. */
  readonly name: string
  /** Threads that it computes with, where it knows. */
  readonly threads?: number
  readonly parameters: number
}

/** One training step: from a batch in memory until the loss is known and the parameters are updated. */
export interface StepTiming {
  readonly seconds: number
  readonly loss: number
  /** Largest resident memory of the process so far. */
  readonly peakRssBytes: number
}

/**
 * A process that runs training steps when told to, so that two of them can take turns on one machine.
 *
 * Protocol, in JSON lines: it prints an {@link Introduction}; each `{"steps": k}` that it reads makes it run k steps and print k
 * {@link StepTiming}s; it ends when its input does. Whatever else it has to say goes to standard error.
 */
export class Contestant {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #title: string

  private constructor(title: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#title = title
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    this.#process.on('error', (error) => console.error(`${title}: ${error.message}`))
    // A contestant that died is noticed where its next line is missing.
    this.#process.stdin!.on('error', () => {})
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]()
  }

  static async start(
    title: string,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ contestant: Contestant; introduction: Introduction }> {
    const contestant = new Contestant(title, command, args, env)
    return { contestant, introduction: await contestant.#next<Introduction>() }
  }

  async run(steps: number): Promise<StepTiming[]> {
    this.#process.stdin!.write(`${JSON.stringify({ steps })}\n`)
    const timings: StepTiming[] = []
    while (timings.length < steps) timings.push(await this.#next<StepTiming>())
    return timings
  }

  stop(): void {
    this.#process.stdin!.end()
    // Its last answer is in: nothing is lost, and no half-idle process stays behind.
    this.#process.kill()
  }

  async #next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`${this.#title} ended before it answered; its messages are above.`)
    return JSON.parse(value) as T
  }
}
