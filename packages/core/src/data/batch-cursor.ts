import { ConfigError, DataError } from '../errors'
import type { BatchSource, HostBatch } from './batch-source'

/** Where a run stands in its data: the next batch to train on. */
export interface BatchPosition {
  readonly epoch: number
  readonly index: number
}

/** A batch and where it came from. */
export interface PlacedBatch<B extends HostBatch = HostBatch> extends BatchPosition {
  readonly batch: B
}

export interface BatchCursorOptions {
  /** Batches made ahead. Default: the source's `readAhead`, else 1. */
  readonly depth?: number
  /** Memory for batches made ahead, in bytes; one is made whatever its size. Default 1 GiB. */
  readonly maxBytes?: number
}

/** How well a cursor kept up with its user. */
export interface BatchCursorStats {
  /** Batches taken. */
  readonly taken: number
  /** Seconds in which the user was held up by data, the first batch included. */
  readonly waitSeconds: number
  /** Seconds spent on the first batch taken, which nothing could be done ahead of. */
  readonly firstWaitSeconds: number
  /** Seconds that batches took to be made, from the request on: with threads, mostly beside the user's work. */
  readonly makeSeconds: number
  /** Bytes of the largest batch. */
  readonly largestBatch: number
}

interface BatchAhead<B extends HostBatch> extends BatchPosition {
  readonly batch: Promise<B>
}

/**
 * Walks through a source's epochs ahead of its user: `prefetch` begins to make the next batches while the engine is busy, `take` waits
 * for the first of them. Batches come in the source's order, whichever is ready first. `waitSeconds` adds up the time in which the user
 * was held up by data.
 */
export class BatchCursor<B extends HostBatch = HostBatch> {
  readonly #source: BatchSource<B>
  readonly #depth: number
  readonly #maxBytes: number
  readonly #abort = new AbortController()
  /** The first is what `take` gives next. */
  #ahead: BatchAhead<B>[] = []
  #next: BatchPosition
  #stats = { taken: 0, waitSeconds: 0, firstWaitSeconds: 0, makeSeconds: 0, largestBatch: 0 }

  /** @throws DataError for an epoch without batches; ConfigError for a depth that is none. */
  constructor(
    source: BatchSource<B>,
    position: BatchPosition = { epoch: 0, index: 0 },
    options: BatchCursorOptions = {},
  ) {
    this.#source = source
    this.#next = normalise(source, position)
    this.#depth = options.depth ?? source.readAhead ?? 1
    this.#maxBytes = options.maxBytes ?? 2 ** 30
    if (!(Number.isInteger(this.#depth) && this.#depth >= 1)) {
      throw new ConfigError(`depth is ${this.#depth}; it must be a whole number of at least 1.`, { field: 'depth' })
    }
  }

  /** The batch that `take` gives next; goes into checkpoints. */
  get position(): BatchPosition {
    const { epoch, index } = this.#ahead[0] ?? this.#next
    return { epoch, index }
  }

  /** Seconds spent on making batches synchronously and waiting for asynchronous ones. */
  get waitSeconds(): number {
    return this.#stats.waitSeconds
  }

  get stats(): BatchCursorStats {
    return { ...this.#stats }
  }

  /** Begins to make batches until as many are under way as may be; cheap when they are. */
  prefetch(): void {
    this.#fill(this.#depth)
  }

  /** @throws DataError after {@link close}; whatever the source throws, after which the same batch is tried again. */
  async take(): Promise<PlacedBatch<B>> {
    if (this.#abort.signal.aborted) throw new DataError(`the batches of "${this.#source.name}" were closed.`)
    const before = this.#stats.waitSeconds
    this.#fill(1)
    const { epoch, index, batch: promise } = this.#ahead[0]!
    const start = performance.now()
    try {
      const batch = await promise
      this.#ahead.shift()
      return { epoch, index, batch }
    } catch (error) {
      this.#ahead = []
      this.#next = { epoch, index }
      throw error
    } finally {
      this.#stats.waitSeconds += (performance.now() - start) / 1000
      if (this.#stats.taken++ === 0) this.#stats.firstWaitSeconds = this.#stats.waitSeconds - before
    }
  }

  /** Gives up what is being made, and closes the source. */
  async close(): Promise<void> {
    this.#abort.abort(new DataError(`the batches of "${this.#source.name}" were closed.`))
    this.#ahead = []
    await this.#source.close?.()
  }

  #fill(depth: number): void {
    const isRoom = () => {
      const ahead = this.#ahead.length
      return ahead === 0 || (ahead < depth && (ahead + 1) * this.#stats.largestBatch <= this.#maxBytes)
    }
    while (isRoom()) {
      const { epoch, index } = this.#next
      const start = performance.now()
      const batch = this.#make(epoch, index, start)
      this.#stats.waitSeconds += (performance.now() - start) / 1000
      // Whoever takes the batch sees the failure; a run that ends before that must not die of it.
      batch.catch(() => {})
      this.#ahead.push({ epoch, index, batch })
      this.#next = normalise(this.#source, { epoch, index: index + 1 })
      // Until a batch is there, nobody knows how large they are.
      if (this.#stats.largestBatch === 0) return
    }
  }

  async #make(epoch: number, index: number, start: number): Promise<B> {
    const batch = await this.#source.batch(epoch, index, this.#abort.signal)
    const bytes = Object.values(batch).reduce((sum, { data }) => sum + data.byteLength, 0)
    this.#stats.largestBatch = Math.max(this.#stats.largestBatch, bytes, 1)
    this.#stats.makeSeconds += (performance.now() - start) / 1000
    return batch
  }
}

/** The same place with its index inside the epoch. */
const normalise = (source: Pick<BatchSource, 'name' | 'batchesPerEpoch'>, position: BatchPosition): BatchPosition => {
  let { epoch, index } = position
  for (;;) {
    const batches = source.batchesPerEpoch(epoch)
    if (!Number.isInteger(batches) || batches < 1) {
      throw new DataError(`"${source.name}" has ${batches} batches in epoch ${epoch}.`, {
        cure: 'A source needs at least one batch an epoch: use a smaller batch size or more recordings.',
      })
    }
    if (index < batches) return { epoch, index }
    index -= batches
    epoch++
  }
}
