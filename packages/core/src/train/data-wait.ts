/** A step seen as finished so soon after a batch was made may have been finished for as long as that took. */
const slackMilliseconds = 5

/**
 * Adds up the time for which the engine had nothing to do because the next batch was not there. Making a batch while the engine is busy
 * with a step is no waiting; where it cannot be told which of both took longer, since making a batch kept this thread from seeing
 * the step's end, the whole of it counts.
 */
export class DataWaitMeter {
  readonly #now: () => number
  #milliseconds = 0
  /** When the engine was last seen to have run out of work; undefined while it is busy. */
  #idleSince: number | undefined
  #launches = 0
  /** The last batch that was made in this thread while a step was under way. */
  #made: { readonly launch: number; readonly milliseconds: number; readonly until: number } | undefined

  /** @param now Clock in milliseconds, for tests. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#idleSince = now()
  }

  get seconds(): number {
    return this.#milliseconds / 1000
  }

  /** Tells of a step that was given to the engine, and settles once it is done. */
  launched(finished: Promise<unknown>): void {
    const launch = ++this.#launches
    this.#idleSince = undefined
    const settle = () => {
      if (launch !== this.#launches) return
      this.#idleSince = this.#now()
      if (this.#made?.launch === launch && this.#idleSince - this.#made.until < slackMilliseconds) {
        this.#milliseconds += this.#made.milliseconds
      }
    }
    finished.then(settle, settle)
  }

  /** Begins to make a batch. What of it is done in this thread may keep the engine waiting. */
  making(begin: () => void): void {
    const from = this.#now()
    begin()
    const until = this.#now()
    this.#made = { launch: this.#launches, milliseconds: until - from, until }
  }

  /** Waits for a batch. */
  async taking<T>(take: () => Promise<T>): Promise<T> {
    const from = this.#now()
    const taken = await take()
    if (this.#idleSince !== undefined) this.#milliseconds += this.#now() - Math.max(from, this.#idleSince)
    return taken
  }
}
