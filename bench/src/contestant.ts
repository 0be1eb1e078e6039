import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** How a contestant's process is started. */
export interface Launch {
  /** Shown in messages. */
  readonly title: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** The first line that a contestant prints, once it can take requests. */
export interface Introduction {
  /** Engine and versions. */
  readonly name: string
  /** Threads that it computes with, where it knows. */
  readonly threads?: number
}

/** A contestant could not start, said that a request failed, ended, or took too long. */
export class ContestantError extends Error {}

/**
 * A process that works when it is told to, so that several can take turns on one machine.
 *
 * Protocol, in JSON lines: it prints an {@link Introduction} (or `{"unavailable": reason}`, and ends); it answers each request that it reads with
 * one line, `{"error": message}` where that failed; it ends when its input does. Whatever else it has to say goes to standard error.
 */
export class Contestant {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #title: string
  #running = true

  private constructor({ title, command, args, env }: Launch) {
    this.#title = title
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    this.#process.on('error', (error) => console.error(`${title}: ${error.message}`))
    // A contestant that died is noticed where its next line is missing.
    this.#process.stdin!.on('error', () => {})
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]()
  }

  /** @throws ContestantError when the process ends before it is ready, or says that it cannot take part. */
  static async start<I extends Introduction>(launch: Launch): Promise<{ contestant: Contestant; introduction: I }> {
    const contestant = new Contestant(launch)
    const first = await contestant.#next<I & { unavailable?: string }>()
    if (first.unavailable !== undefined) {
      contestant.stop()
      throw new ContestantError(`${launch.title}: ${first.unavailable}`)
    }
    return { contestant, introduction: first }
  }

  /**
   * @param patience Seconds to wait. A contestant that is late is ended: start another one.
   * @throws ContestantError
   */
  async ask<A>(request: object, patience = Number.POSITIVE_INFINITY): Promise<A> {
    this.#process.stdin!.write(`${JSON.stringify(request)}\n`)
    let late = false
    const timer = Number.isFinite(patience)
      ? setTimeout(() => {
          late = true
          this.#process.kill('SIGKILL')
        }, patience * 1000)
      : undefined
    try {
      const answer = await this.#next<A & { error?: string }>()
      if (answer.error !== undefined) throw new ContestantError(`${this.#title}: ${answer.error}`)
      return answer
    } catch (error) {
      if (late) throw new ContestantError(`${this.#title}: not done within ${patience} s`)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  stop(): void {
    this.#running = false
    this.#process.stdin!.end()
    // Its last answer is in: nothing is lost, and no half-idle process stays behind.
    this.#process.kill()
  }

  /** Whether it can still be asked. */
  get running(): boolean {
    return this.#running
  }

  async #next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next()
    if (done) {
      this.#running = false
      throw new ContestantError(`${this.#title} ended before it answered; its messages are above.`)
    }
    return JSON.parse(value) as T
  }
}
