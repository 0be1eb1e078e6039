/** Measures how fast steps follow one another, without the time spent on evaluations and checkpoints. */
export class SpeedMeter {
  readonly #now: () => number
  readonly #recent: { seconds: number; audioSeconds: number | undefined }[] = []
  #total = 0
  #startedAt: number | undefined
  #lastStepAt: number | undefined

  /** @param now Clock in milliseconds, for tests. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  start(): void {
    this.#startedAt ??= this.#now()
  }

  pause(): void {
    this.#total = this.seconds
    this.#startedAt = undefined
    this.#lastStepAt = undefined
  }

  /** Seconds measured so far. */
  get seconds(): number {
    return this.#total + (this.#startedAt === undefined ? 0 : (this.#now() - this.#startedAt) / 1000)
  }

  /** Notes the end of a step. */
  add(audioSeconds: number | undefined): void {
    const now = this.#now()
    // A step right after a pause has no beginning to count from.
    if (this.#lastStepAt !== undefined) {
      this.#recent.push({ seconds: (now - this.#lastStepAt) / 1000, audioSeconds })
      if (this.#recent.length > 20) this.#recent.shift()
    }
    this.#lastStepAt = now
  }

  /** Over the last 20 steps; 0 before there are two. */
  speed(): { stepsPerSecond: number; audioSecondsPerSecond?: number } {
    const seconds = this.#recent.reduce((sum, step) => sum + step.seconds, 0)
    if (seconds === 0) return { stepsPerSecond: 0 }
    const stepsPerSecond = this.#recent.length / seconds
    if (this.#recent.some((step) => step.audioSeconds === undefined)) return { stepsPerSecond }
    return {
      stepsPerSecond,
      audioSecondsPerSecond: this.#recent.reduce((sum, step) => sum + step.audioSeconds!, 0) / seconds,
    }
  }
}
