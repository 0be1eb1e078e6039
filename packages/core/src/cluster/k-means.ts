import { ConfigError, DataError } from '../errors'
import { HostRng } from '../random/index'
import { Codebook } from './codebook'
import type { FrameSource } from './frame-source'
import { kMeansPlusPlus, sampleFrames } from './k-means-plus-plus'
import { NearestCentroids, type PassTotals } from './nearest-centroids'
import { relocateEmpty } from './relocate-empty'

/** What is known after a pass over all frames. */
export interface KMeansProgress {
  /** From 1. */
  readonly iteration: number
  /** Sum of squared distances to the centroids that the pass began with. */
  readonly inertia: number
  /** Squared distance that the centroids moved, over all of them. */
  readonly shift: number
  /** Clusters that had no frame and got another centroid. */
  readonly relocated: number
}

export interface KMeansOptions {
  readonly clusters: number
  /** Of the initial centroids. Default 0. */
  readonly seed?: number
  /** `k-means++` (default), `random` frames, or centroids `[clusters, dim]`. */
  readonly init?: 'k-means++' | 'random' | Float32Array
  /** Frames drawn at random that k-means++ works on, in memory. Default 30,000, or 20 a cluster if that is more. */
  readonly initFrames?: number
  /** Passes over the data at most. Default 100. */
  readonly maxIterations?: number
  /** Ends when the centroids move by no more than this share of the data's mean variance, squared. 0: when they stand still. Default 1e-4. */
  readonly tolerance?: number
  /** Frames that are on the engine at a time. Default: some 25 MB of them. */
  readonly chunkFrames?: number
  readonly onIteration?: (progress: KMeansProgress) => void
  readonly signal?: AbortSignal
}

export interface KMeansResult {
  readonly codebook: Codebook
  /** Sum of squared distances of all frames to the centroids returned. */
  readonly inertia: number
  /** Frames of each cluster. */
  readonly counts: Float64Array
  /** Passes that moved the centroids; of mini-batch k-means, batches. */
  readonly iterations: number
  readonly converged: boolean
}

/**
 * Full k-means (Lloyd 1982): in each pass over all frames, every centroid becomes the mean of the frames nearest to it.
 *
 * The frames are streamed in each pass; in memory are a chunk of them, the centroids, and while k-means++ chooses the first centroids,
 * `initFrames`. A cluster left without frames takes the frame farthest from its centroid, as in scikit-learn. The same seed, frames and
 * engine give the same centroids to the bit.
 *
 * @throws ConfigError for an option out of range; DataError for fewer frames than clusters, or naming the frame that is not finite.
 */
export const kMeans = async (source: FrameSource, options: KMeansOptions): Promise<KMeansResult> => {
  const { clusters, maxIterations = 100, tolerance = 1e-4, seed = 0, chunkFrames, signal } = options
  checkClusters(source, clusters)
  wholeNumber('maxIterations', maxIterations, 1)
  if (!(tolerance >= 0))
    throw new ConfigError(`tolerance is ${tolerance}.`, { field: 'tolerance', cure: 'Use 0 or more.' })
  const nearest = new NearestCentroids(await initialCentroids(source, options), source.dim, chunkFrames)
  try {
    let iterations = 0
    let converged = false
    let standing: PassTotals | undefined
    let known: Pick<PassTotals, 'spread'> | undefined
    while (iterations < maxIterations && !converged) {
      const totals = await nearest.accumulate(source, { ...known, ...(signal && { signal }) })
      known = { spread: totals.spread }
      const relocated = await relocateEmpty(source, nearest, totals, signal)
      const moved = meansOf(totals, nearest.centroids, source.dim)
      const shift = squaredShift(moved, nearest.centroids)
      iterations++
      options.onIteration?.({ iteration: iterations, inertia: totals.inertia, shift, relocated })
      converged = shift <= tolerance * totals.spread.variance
      nearest.centroids = moved
      if (shift === 0) standing = totals
    }
    // The sums so far are those of the centroids before the last move.
    const { inertia, counts } = standing ?? (await nearest.accumulate(source, { ...known, ...(signal && { signal }) }))
    const codebook = new Codebook(Float32Array.from(nearest.centroids), source.dim, {
      algorithm: 'lloyd',
      seed: String(seed),
      frames: String(source.frames),
      iterations: String(iterations),
      inertia: String(inertia),
    })
    return { codebook, inertia, counts, iterations, converged }
  } finally {
    nearest.dispose()
  }
}

/** @throws DataError when the source cannot fill that many clusters. */
export const checkClusters = (source: FrameSource, clusters: number): void => {
  wholeNumber('clusters', clusters, 1)
  if (source.frames >= clusters) return
  const { file } = source.frames > 0 ? source.place(0) : {}
  throw new DataError(`${clusters} clusters need at least as many frames; there are ${source.frames}.`, {
    ...(file !== undefined && { file }),
    field: 'clusters',
    cure: 'Take fewer clusters or more data.',
  })
}

export const wholeNumber = (field: string, value: number, least: number): void => {
  if (Number.isInteger(value) && value >= least) return
  throw new ConfigError(`${field} is ${value}.`, { field, cure: `Use a whole number of at least ${least}.` })
}

/** The frames that k-means++ works on: scikit-learn's number for a mini-batch of 10,000. */
export const initFramesOf = (source: FrameSource, clusters: number, wanted?: number): number => {
  if (wanted !== undefined) wholeNumber('initFrames', wanted, clusters)
  return Math.min(source.frames, wanted ?? Math.max(30_000, 20 * clusters))
}

const initialCentroids = async (source: FrameSource, options: KMeansOptions): Promise<Float64Array> => {
  const { clusters, init = 'k-means++', initFrames, seed = 0, signal } = options
  if (typeof init !== 'string') return givenCentroids(init, clusters, source.dim)
  const rng = new HostRng(seed, 'k-means', init)
  if (init === 'random') return Float64Array.from(await sampleFrames(source, clusters, rng))
  const sample = await sampleFrames(source, initFramesOf(source, clusters, initFrames), rng)
  return kMeansPlusPlus(sample, source.dim, clusters, rng, signal)
}

/** @throws ConfigError when the initial centroids are of another shape or not finite. */
export const givenCentroids = (values: Float32Array, clusters: number, dim: number): Float64Array => {
  if (values.length === clusters * dim && values.every(Number.isFinite)) return Float64Array.from(values)
  throw new ConfigError(
    `init has ${values.length} numbers; ${clusters} centroids of ${dim} finite numbers are needed.`,
    {
      field: 'init',
      cure: 'Give [clusters, dim] centroids.',
    },
  )
}

/** Each cluster's mean; a cluster without frames stays where it is. */
const meansOf = ({ counts, sums }: PassTotals, centroids: Float64Array, dim: number): Float64Array =>
  centroids.map((value, i) => {
    const count = counts[Math.floor(i / dim)]!
    return count > 0 ? sums[i]! / count : value
  })

const squaredShift = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)
