import type { PjrtApi } from './api'
import { XlaError } from './errors'
import { EventQueue } from './event-queue'
import { HandleOwner } from './handle'
import { ARGS } from './layouts'
import { Struct } from './native'

/** What a client shares with its buffers and executables. */
export class Runtime {
  readonly api: PjrtApi
  readonly client: bigint
  readonly handles: HandleOwner
  readonly events: EventQueue
  readonly readArgs = new Struct(ARGS.Buffer_ToHostBuffer)
  isDisposed = false
  /** Background calls that still use the client. */
  private inFlight = 0
  private whenIdle: (() => void) | undefined

  constructor(api: PjrtApi, client: bigint) {
    this.api = api
    this.client = client
    this.handles = new HandleOwner(api)
    this.events = new EventQueue(api)
  }

  assertOpen(): void {
    if (this.isDisposed) throw new XlaError('This PJRT client has been disposed', 'FAILED_PRECONDITION')
  }

  /** Keeps the client alive until a background call has ended. */
  async background<T>(work: Promise<T>): Promise<T> {
    this.inFlight++
    try {
      return await work
    } finally {
      this.inFlight--
      if (this.inFlight === 0) this.whenIdle?.()
    }
  }

  /** Runs `action` when no background call uses the client, at once if none does now. */
  onIdle(action: () => void): void {
    if (this.inFlight === 0) action()
    else this.whenIdle = action
  }
}
