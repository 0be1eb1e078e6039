import { ConfigError, DataError } from '../errors'
import { HostRng } from '../random/index'
import { lengthBuckets, type PaddingLimit } from './buckets'
import { Permutation } from './permutation'

export interface BatchPlannerOptions {
  /** Items of a batch; either this or `maxSamples`. */
  readonly batchSize?: number
  /** Samples of a batch, padding included: a bucket's batch size is as many items as fit, at least `multipleOf`. */
  readonly maxSamples?: number
  /** How many buckets, how much padding, or the buckets' upper bounds (see `lengthBuckets`). Default 1. */
  readonly buckets?: number | PaddingLimit | readonly number[]
  /** What becomes of the items at the end that do not fill a batch: `fill` (default) adds items drawn again, so that shapes repeat. */
  readonly incomplete?: 'fill' | 'drop' | 'keep'
  /** Default true. Without, items keep their order inside a bucket, and batches go from short to long. */
  readonly shuffle?: boolean
  /**
   * The size of each batch is a multiple of this, so that any number of micro-batches, devices and processes whose product divides it
   * can share the batches of the same run. Default 1.
   */
  readonly multipleOf?: number
  readonly seed: number
}

/** The items of one batch. */
export interface BatchPlan {
  readonly indices: readonly number[]
  /** The length to pad to: the bucket's bound. */
  readonly paddedLength: number
}

interface Bucket {
  readonly bound: number
  /** Items of a batch. */
  readonly size: number
  /** Where its items begin among those sorted by bucket, and how many there are. */
  readonly start: number
  readonly members: number
  /** Items that the bucket before could not make a batch of, and that join this one. */
  readonly carried: number
  /** Number of this bucket's first batch, and how many full ones there are. */
  readonly firstBatch: number
  readonly batches: number
}

/** One epoch's orders: of each bucket's items, and of the batches. */
interface EpochOrder {
  readonly epoch: number
  readonly items: readonly Permutation[]
  readonly batches: Permutation
}

/**
 * Sorts items into batches of similar length. The order depends on seed and epoch alone, and batch `index` of epoch `epoch` is worked
 * out by itself: nothing is shuffled or replayed, so any place of any epoch is reached at once, with 4 bytes of memory an item.
 *
 * What is left over in a bucket joins the next longer one, so at most one batch of an epoch is incomplete, whatever the number
 * of buckets; except under `drop`, each item is in the epoch.
 */
export class BatchPlanner {
  /** Upper bounds of the buckets: the lengths that batches are padded to. */
  readonly bounds: readonly number[]
  /** Batches of an epoch, the same for all. */
  readonly batchesPerEpoch: number
  /** Share of all samples in an epoch's batches that is padding, before leftovers join longer buckets. */
  readonly paddingShare: number
  readonly #options: BatchPlannerOptions
  readonly #items: Uint32Array
  readonly #buckets: readonly Bucket[]
  /** Items of the last, incomplete batch: left over, and drawn again. */
  readonly #rest: { readonly left: number; readonly again: number }
  #order: EpochOrder | undefined

  /** @throws DataError when an item is longer than the last bound, or no batch can be made; ConfigError for sizes that are none. */
  constructor(lengths: ArrayLike<number>, options: BatchPlannerOptions) {
    const { batchSize, maxSamples, buckets = 1, incomplete = 'fill', multipleOf = 1 } = options
    checkSizes(options)
    this.#options = options
    this.bounds =
      typeof buckets === 'number' || 'maxPadding' in buckets
        ? lengthBuckets(lengths, buckets)
        : [...buckets].sort((a, b) => a - b)
    const { items, counts, total } = groupByBucket(lengths, this.bounds)
    this.#items = items
    const planned: Bucket[] = []
    let [start, carried, firstBatch, padded] = [0, 0, 0, 0]
    for (const [index, bound] of this.bounds.entries()) {
      const fitting = batchSize ?? Math.floor(maxSamples! / Math.max(1, bound) / multipleOf) * multipleOf
      const size = Math.max(multipleOf, fitting)
      const members = counts[index]!
      const batches = Math.floor((carried + members) / size)
      planned.push({ bound, size, start, members, carried, firstBatch, batches })
      padded += members * bound
      start += members
      firstBatch += batches
      carried = carried + members - batches * size
    }
    this.#buckets = planned
    this.paddingShare = padded === 0 ? 0 : 1 - total / padded
    const size = planned.at(-1)?.size ?? 1
    const again = incomplete === 'fill' ? size - carried : (multipleOf - (carried % multipleOf)) % multipleOf
    this.#rest = carried === 0 || incomplete === 'drop' ? { left: 0, again: 0 } : { left: carried, again }
    this.batchesPerEpoch = firstBatch + (this.#rest.left > 0 ? 1 : 0)
    if (this.batchesPerEpoch === 0) {
      throw new DataError(`${lengths.length} items do not fill one batch.`, {
        cure: 'Use a smaller batch, or do not drop incomplete ones.',
      })
    }
  }

  /** @throws RangeError for a batch that is not in the epoch. */
  batch(epoch: number, index: number): BatchPlan {
    const order = this.#orderOf(epoch)
    if (!(Number.isInteger(index) && index >= 0 && index < this.batchesPerEpoch)) {
      throw new RangeError(`there is no batch ${index} in an epoch of ${this.batchesPerEpoch}.`)
    }
    const { shuffle = true } = this.#options
    const number = shuffle ? order.batches.at(index) : index
    const last = this.#buckets.length - 1
    // The last bucket whose first batch is not after this one; empty buckets share their first batch with the next.
    const found = this.#buckets.findLastIndex(({ firstBatch, batches }) => firstBatch <= number && batches > 0)
    const isRest = this.#rest.left > 0 && number === this.batchesPerEpoch - 1
    const bucket = isRest ? last : found
    const { bound, size, firstBatch, batches } = this.#buckets[bucket]!
    const from = (isRest ? batches : number - firstBatch) * size
    const count = isRest ? this.#rest.left : size
    const indices = Array.from({ length: count }, (_, row) => this.#item(order, bucket, from + row))
    if (isRest && this.#rest.again > 0) {
      const rng = new HostRng(this.#options.seed, 'batches', epoch, 'again')
      for (let row = 0; row < this.#rest.again; row++) indices.push(rng.int(this.#items.length))
    }
    return { indices, paddedLength: bound }
  }

  /** The item at a place of a bucket's order, in which those carried over from the bucket before come first. */
  #item(order: EpochOrder, bucket: number, place: number): number {
    const { shuffle = true } = this.#options
    let at = bucket
    let position = place
    for (;;) {
      const { carried, start } = this.#buckets[at]!
      const member = shuffle ? order.items[at]!.at(position) : position
      if (member >= carried) return this.#items[start + member - carried]!
      at--
      const before = this.#buckets[at]!
      position = before.batches * before.size + member
    }
  }

  #orderOf(epoch: number): EpochOrder {
    if (this.#order?.epoch !== epoch) {
      const rng = new HostRng(this.#options.seed, 'batches', epoch)
      const items = this.#buckets.map(
        ({ carried, members }, bucket) => new Permutation(carried + members, rng.fold('items', bucket)),
      )
      this.#order = { epoch, items, batches: new Permutation(this.batchesPerEpoch, rng.fold('order')) }
    }
    return this.#order
  }
}

const checkSizes = ({ batchSize, maxSamples, multipleOf = 1 }: BatchPlannerOptions): void => {
  if ((batchSize === undefined) === (maxSamples === undefined)) {
    throw new ConfigError('give either batchSize or maxSamples.', { field: 'batchSize' })
  }
  for (const [field, value] of Object.entries({ batchSize, maxSamples, multipleOf })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new ConfigError(`${field} is ${value}; it must be a whole number of at least 1.`, { field })
    }
  }
  if (batchSize !== undefined && batchSize % multipleOf !== 0) {
    throw new ConfigError(`batchSize is ${batchSize}, which is no multiple of ${multipleOf}.`, { field: 'batchSize' })
  }
}

/** Items sorted by their bucket, in their own order within it. */
const groupByBucket = (lengths: ArrayLike<number>, bounds: readonly number[]) => {
  const longest = bounds.at(-1) ?? 0
  const counts = new Uint32Array(bounds.length)
  const buckets = bounds.length <= 0x100 ? new Uint8Array(lengths.length) : new Uint16Array(lengths.length)
  let total = 0
  for (let item = 0; item < lengths.length; item++) {
    const length = lengths[item]!
    if (!(length <= longest)) {
      throw new DataError(`item ${item} has length ${length}, more than the longest bucket (${longest}).`, {
        cure: 'Leave it out (maxSamples), or crop it.',
      })
    }
    total += length
    let bucket = 0
    while (length > bounds[bucket]!) bucket++
    buckets[item] = bucket
    counts[bucket]!++
  }
  const next = new Uint32Array(bounds.length)
  for (let bucket = 1; bucket < bounds.length; bucket++) next[bucket] = next[bucket - 1]! + counts[bucket - 1]!
  const items = new Uint32Array(lengths.length)
  for (let item = 0; item < items.length; item++) items[next[buckets[item]!]!++] = item
  return { items, counts, total }
}
