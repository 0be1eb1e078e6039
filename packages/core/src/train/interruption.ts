/** Whether somebody has asked a run to end, through an AbortSignal or, where wanted, a signal to the process. */
export class Interruption {
  readonly #signal: AbortSignal | undefined
  readonly #handlers = new Map<NodeJS.Signals, () => void>()
  #received: string | undefined

  constructor(signal: AbortSignal | undefined, handleSignals: boolean, onSignal: (name: string) => void) {
    this.#signal = signal
    if (!handleSignals) return
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      const handler = () => {
        this.#received = name
        // From here on Node's own handling is back, so that a second Ctrl-C ends the process.
        this.dispose()
        onSignal(name)
      }
      this.#handlers.set(name, handler)
      process.on(name, handler)
    }
  }

  get requested(): boolean {
    return this.#received !== undefined || this.#signal?.aborted === true
  }

  dispose(): void {
    for (const [name, handler] of this.#handlers) process.off(name, handler)
    this.#handlers.clear()
  }
}
