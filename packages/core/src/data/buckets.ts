import { ConfigError, DataError } from '../errors'
import { HostRng } from '../random/index'

/**
 * Upper bounds for `buckets` groups of about equally many lengths, ascending and distinct; the last is the longest length. Padding
 * each batch to its bucket's bound gives few distinct shapes, so few programs to compile.
 *
 * @param multipleOf Bounds are rounded up to a multiple of this. Default 1.
 */
export const lengthBuckets = (lengths: readonly number[], buckets: number, multipleOf = 1): number[] => {
  if (lengths.length === 0) throw new DataError('there are no lengths to make buckets of.')
  if (!Number.isInteger(buckets) || buckets < 1) throw new ConfigError(`buckets is ${buckets}.`, { field: 'buckets' })
  const sorted = [...lengths].sort((a, b) => a - b)
  const bounds = Array.from({ length: buckets }, (_, bucket) => {
    const last = Math.ceil(((bucket + 1) * sorted.length) / buckets) - 1
    return Math.ceil(sorted[last]! / multipleOf) * multipleOf
  })
  return [...new Set(bounds)]
}

export interface BucketedBatchesOptions {
  /** Items of a batch; either this or `maxSamples`. */
  readonly batchSize?: number
  /** Samples of a batch, padding included: a bucket's batch size is as many items as fit, at least one. */
  readonly maxSamples?: number
  /** How many buckets, or their upper bounds (see `lengthBuckets`). Default 1. */
  readonly buckets?: number | readonly number[]
  /** What becomes of the items at the end that do not fill a batch: `fill` (default) adds items drawn again, so that shapes repeat. */
  readonly incomplete?: 'fill' | 'drop' | 'keep'
  /** Default true. Without, items keep their order inside a bucket, and batches go from short to long. */
  readonly shuffle?: boolean
  readonly seed: number
  readonly epoch: number
}

/** The items of one batch. */
export interface BatchPlan {
  readonly indices: readonly number[]
  /** The length to pad to: the bucket's bound. */
  readonly paddedLength: number
}

/**
 * Sorts items into batches of similar length. The order depends on seed and epoch alone, so that any batch of any epoch can be
 * made again.
 *
 * What is left over in a bucket joins the next longer one, so at most one batch of an epoch is incomplete, whatever the number
 * of buckets; except under `drop`, each item is in the epoch.
 *
 * @throws DataError when an item is longer than the last bound, or nothing is left.
 */
export const bucketedBatches = (lengths: readonly number[], options: BucketedBatchesOptions): BatchPlan[] => {
  const { batchSize, maxSamples, buckets = 1, incomplete = 'fill', shuffle = true, seed, epoch } = options
  if ((batchSize === undefined) === (maxSamples === undefined)) {
    throw new ConfigError('give either batchSize or maxSamples.', { field: 'batchSize' })
  }
  const limit = batchSize ?? maxSamples!
  if (!Number.isInteger(limit) || limit < 1) {
    throw new ConfigError(`${limit} is no size for a batch.`, {
      field: batchSize === undefined ? 'maxSamples' : 'batchSize',
    })
  }
  const bounds = typeof buckets === 'number' ? lengthBuckets(lengths, buckets) : [...buckets].sort((a, b) => a - b)
  const rng = new HostRng(seed, 'batches', epoch)
  const longest = bounds.at(-1) ?? 0
  const tooLong = lengths.findIndex((length) => length > longest)
  if (tooLong >= 0) {
    throw new DataError(`item ${tooLong} has length ${lengths[tooLong]}, more than the longest bucket (${longest}).`, {
      cure: 'Leave it out (maxSamples of loadRecordings), or crop it.',
    })
  }
  const members: number[][] = bounds.map(() => [])
  lengths.forEach((length, index) => {
    members[bounds.findIndex((bound) => length <= bound)]!.push(index)
  })
  const batches: BatchPlan[] = []
  let carried: number[] = []
  bounds.forEach((paddedLength, bucket) => {
    const size = batchSize ?? Math.max(1, Math.floor(maxSamples! / paddedLength))
    const pool = [...carried, ...members[bucket]!]
    if (shuffle) rng.shuffle(pool)
    const whole = pool.length - (pool.length % size)
    for (let start = 0; start < whole; start += size)
      batches.push({ indices: pool.slice(start, start + size), paddedLength })
    carried = pool.slice(whole)
    if (bucket < bounds.length - 1 || carried.length === 0 || incomplete === 'drop') return
    const missing = incomplete === 'fill' ? size - carried.length : 0
    const again = Array.from({ length: missing }, () => rng.int(lengths.length))
    batches.push({ indices: [...carried, ...again], paddedLength })
  })
  if (batches.length === 0) {
    throw new DataError(`${lengths.length} items do not fill one batch.`, {
      cure: 'Use a smaller batch, or do not drop incomplete ones.',
    })
  }
  return shuffle ? rng.shuffle(batches) : batches
}
