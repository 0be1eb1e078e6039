import type { PjrtApi } from './api'
import type { XlaError } from './errors'
import { ARGS } from './layouts'
import { Struct } from './native'

interface Pending {
  readonly event: bigint
  readonly resolve: () => void
  readonly reject: (error: XlaError) => void
}

/**
 * Waits for events without blocking JavaScript. PJRT's own completion callback is no choice: koffi makes the calling
 * XLA thread wait until JavaScript has run it, which deadlocks when JavaScript blocks on other work of that thread.
 * Instead one background thread awaits the oldest event, however many are pending (Node has four such threads, and
 * file access needs them too); a device finishes its work nearly in order, and whatever else is done by then is
 * settled with it.
 */
export class EventQueue {
  private readonly api: PjrtApi
  private readonly awaitArgs = new Struct(ARGS.Event_Await)
  private readonly errorArgs = new Struct(ARGS.Event_Await)
  private pending: Pending[] = []
  private waiting = false

  constructor(api: PjrtApi) {
    this.api = api
  }

  /** Resolves when the event has come, or rejects with the error it carries; frees the event. */
  wait(event: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.pending.push({ event, resolve, reject })
      if (!this.waiting) this.awaitOldest()
    })
  }

  private awaitOldest(): void {
    const oldest = this.pending[0]
    this.waiting = oldest !== undefined
    if (!oldest) return
    this.awaitArgs.set('event', oldest.event)
    this.api.function('Event_Await').async(this.awaitArgs.address, (_, error) => {
      this.pending.shift()
      this.settle(oldest, error ? this.api.takeError(error) : undefined)
      this.settleReady()
      this.awaitOldest()
    })
  }

  private settleReady(): void {
    const still: Pending[] = []
    const ready: Pending[] = []
    for (const entry of this.pending) (this.api.isReady(entry.event) ? ready : still).push(entry)
    this.pending = still
    for (const entry of ready) {
      this.errorArgs.set('event', entry.event)
      const error = this.api.function('Event_Await')(this.errorArgs.address)
      this.settle(entry, error ? this.api.takeError(error) : undefined)
    }
  }

  private settle(entry: Pending, error: XlaError | undefined): void {
    this.api.destroyEvent(entry.event)
    if (error) entry.reject(error)
    else entry.resolve()
  }
}
