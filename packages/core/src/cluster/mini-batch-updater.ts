import type { HostRng } from '../random/index'
import { arrayFrames } from './frame-source'
import { NearestCentroids } from './nearest-centroids'

export interface MiniBatchUpdaterOptions {
  /** `[clusters, dim]` */
  readonly centroids: Float64Array
  readonly dim: number
  /** Frames of a batch; the last may have fewer. */
  readonly batchFrames: number
  /** Share of the largest cluster's count below which a cluster is moved to a frame of the batch; 0: none is. Default 0. */
  readonly reassignmentRatio?: number
  /** Picks the frames that clusters are moved to; needed with `reassignmentRatio`. */
  readonly rng?: HostRng
  /** Frames that are on the engine at a time. Default: equal parts of a batch. */
  readonly chunkFrames?: number
}

/**
 * The updates of mini-batch k-means, batch by batch: scikit-learn's `MiniBatchKMeans.partial_fit`. A centroid is the mean of all frames
 * of all batches that it was nearest to when they came; one that a batch gives no frame stays.
 */
export class MiniBatchUpdater {
  readonly #nearest: NearestCentroids
  readonly #rng: HostRng | undefined
  readonly #ratio: number
  #sinceReassignment = 0
  /** Frames that each centroid is the mean of. */
  readonly counts: Float64Array

  constructor({ centroids, dim, batchFrames, reassignmentRatio = 0, rng, chunkFrames }: MiniBatchUpdaterOptions) {
    const usual = new NearestCentroids(centroids, dim, chunkFrames)
    const parts = Math.ceil(batchFrames / usual.chunkFrames)
    const size = chunkFrames ?? Math.ceil(batchFrames / parts)
    if (size === usual.chunkFrames) this.#nearest = usual
    else {
      usual.dispose()
      this.#nearest = new NearestCentroids(centroids, dim, size)
    }
    this.counts = new Float64Array(centroids.length / dim)
    this.#ratio = reassignmentRatio
    this.#rng = rng
  }

  /** `[clusters, dim]` */
  get centroids(): Float64Array {
    return this.#nearest.centroids
  }

  /**
   * @param batch `[frames, dim]`
   * @returns sum of the batch's squared distances to the centroids before they moved.
   * @throws DataError for a frame that is not finite.
   */
  async update(batch: Float32Array): Promise<number> {
    const nearest = this.#nearest
    const { dim, clusters } = nearest
    const source = arrayFrames(batch, dim)
    const { counts, sums, inertia } = await nearest.accumulate(source)
    const centroids = nearest.centroids.slice()
    for (let k = 0; k < clusters; k++) {
      const [before, added] = [this.counts[k]!, counts[k]!]
      if (added === 0) continue
      this.counts[k] = before + added
      for (let i = k * dim; i < (k + 1) * dim; i++)
        centroids[i] = (centroids[i]! * before + sums[i]!) / (before + added)
    }
    if (this.#ratio > 0 && this.#isTimeToReassign(source.frames)) this.#reassign(centroids, batch, source.frames)
    nearest.centroids = centroids
    return inertia
  }

  dispose(): void {
    this.#nearest.dispose()
  }

  /** While a cluster is empty, and else after every 10 frames a cluster. */
  #isTimeToReassign(frames: number): boolean {
    this.#sinceReassignment += frames
    if (this.counts.every((count) => count > 0) && this.#sinceReassignment < 10 * this.counts.length) return false
    this.#sinceReassignment = 0
    return true
  }

  /** Moves the smallest clusters, at most half as many as the batch has frames, to frames of the batch. */
  #reassign(centroids: Float64Array, batch: Float32Array, frames: number): void {
    const { counts } = this
    const { dim } = this.#nearest
    const limit = this.#ratio * counts.reduce((a, b) => Math.max(a, b), 0)
    const small = [...counts.keys()]
      .filter((cluster) => counts[cluster]! < limit)
      .sort((a, b) => counts[a]! - counts[b]!)
      .slice(0, Math.floor(frames / 2))
    if (small.length === 0) return
    const moved = new Set(small)
    const least = counts.reduce(
      (low, count, cluster) => (moved.has(cluster) ? low : Math.min(low, count)),
      Number.POSITIVE_INFINITY,
    )
    const chosen = this.#rng!.choice(frames, small.length)
    small.forEach((cluster, i) => {
      centroids.set(batch.subarray(chosen[i]! * dim, (chosen[i]! + 1) * dim), cluster * dim)
      counts[cluster] = least
    })
  }
}
