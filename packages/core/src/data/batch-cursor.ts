import { DataError } from '../errors'
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

/**
 * Walks through a source's epochs, one batch ahead of its user: `prefetch` begins to make the next batch while the engine
 * is busy, `take` waits for it. `waitSeconds` adds up the time in which the user was held up by data.
 */
export class BatchCursor<B extends HostBatch = HostBatch> {
  readonly #source: BatchSource<B>
  #next: BatchPosition
  #ahead: Promise<PlacedBatch<B>> | undefined
  #waitSeconds = 0

  constructor(source: BatchSource<B>, position: BatchPosition = { epoch: 0, index: 0 }) {
    this.#source = source
    this.#next = normalise(source, position)
  }

  /** The batch that `take` gives next; goes into checkpoints. */
  get position(): BatchPosition {
    return this.#next
  }

  /** Seconds spent on making batches synchronously and waiting for asynchronous ones. */
  get waitSeconds(): number {
    return this.#waitSeconds
  }

  /** Begins to make the next batch, unless that is under way. */
  prefetch(): void {
    if (this.#ahead) return
    const position = this.#next
    const start = performance.now()
    this.#ahead = (async () => ({ ...position, batch: await this.#source.batch(position.epoch, position.index) }))()
    this.#waitSeconds += (performance.now() - start) / 1000
    // Whoever takes the batch sees the failure; a run that ends before that must not die of it.
    this.#ahead.catch(() => {})
  }

  async take(): Promise<PlacedBatch<B>> {
    this.prefetch()
    const start = performance.now()
    const placed = await this.#ahead!
    this.#waitSeconds += (performance.now() - start) / 1000
    this.#ahead = undefined
    this.#next = normalise(this.#source, { epoch: placed.epoch, index: placed.index + 1 })
    return placed
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
