import { ConfigError } from '../errors'
import { HostRng } from '../random/index'
import { Codebook } from './codebook'
import { arrayFrames, type FrameSource } from './frame-source'
import { checkClusters, givenCentroids, initFramesOf, type KMeansResult, wholeNumber } from './k-means'
import { kMeansPlusPlus, sampleFrames } from './k-means-plus-plus'
import { MiniBatchUpdater } from './mini-batch-updater'
import { NearestCentroids } from './nearest-centroids'

export interface MiniBatchProgress {
  /** Batches so far. */
  readonly step: number
  /** At most as many. */
  readonly steps: number
  /** Mean squared distance of the batch's frames to their centroids, before these moved. */
  readonly batchInertia: number
  /** Its running mean, by which the end is decided. */
  readonly smoothedInertia: number
}

export interface MiniBatchKMeansOptions {
  readonly clusters: number
  /** Of the initial centroids and the batches. Default 0. */
  readonly seed?: number
  /** `k-means++` (default), `random` frames, or centroids `[clusters, dim]`. */
  readonly init?: 'k-means++' | 'random' | Float32Array
  /** How often the initial centroids are chosen anew, each time on other frames; the best are taken. Default 20, as for HuBERT. */
  readonly initRuns?: number
  /** Frames of one such choice. Default 30,000, or 20 a cluster if that is more. */
  readonly initFrames?: number
  /** Frames of a batch. Default 10,000. */
  readonly batchFrames?: number
  /**
   * Neighbouring frames that come into a batch together: reading single frames is slow where they are on disk. 1 is scikit-learn's
   * choice. Default 10.
   */
  readonly runFrames?: number
  /** Batches at most, in passes over as many frames as there are. Default 100. */
  readonly epochs?: number
  /** Ends after so many batches without a lower smoothed inertia. Default 100; null: never. */
  readonly maxNoImprovement?: number | null
  /** Clusters with fewer frames than this share of the largest one's are moved to frames of a batch now and then. Default 0: none is. */
  readonly reassignmentRatio?: number
  /** Frames that are on the engine at a time. Default: equal parts of a batch. */
  readonly chunkFrames?: number
  readonly onStep?: (progress: MiniBatchProgress) => void
  readonly signal?: AbortSignal
}

/**
 * Mini-batch k-means (Sculley 2010) with the updates and the end of scikit-learn's `MiniBatchKMeans`; the defaults are those of HuBERT's
 * clustering. Each batch is drawn at random with replacement and moves the centroids to the mean of all frames that they were nearest
 * to so far. Batch `t` is a function of the seed and `t`.
 *
 * @throws ConfigError for an option out of range; DataError for fewer frames than clusters, or naming the frame that is not finite.
 */
export const miniBatchKMeans = async (source: FrameSource, options: MiniBatchKMeansOptions): Promise<KMeansResult> => {
  const { clusters, seed = 0, epochs = 100, maxNoImprovement = 100, reassignmentRatio = 0, signal } = options
  checkClusters(source, clusters)
  const { batchFrames = 10_000, runFrames = 10 } = options
  for (const [field, value] of Object.entries({ batchFrames, runFrames })) wholeNumber(field, value, 1)
  if (!(epochs > 0)) throw new ConfigError(`epochs is ${epochs}.`, { field: 'epochs', cure: 'Use a number above 0.' })
  if (maxNoImprovement !== null) wholeNumber('maxNoImprovement', maxNoImprovement, 1)
  const size = Math.min(batchFrames, source.frames)
  const updater = new MiniBatchUpdater({
    centroids: await bestStart(source, options),
    dim: source.dim,
    batchFrames: size,
    rng: new HostRng(seed, 'mini-batch', 'reassign'),
    reassignmentRatio,
    ...(options.chunkFrames !== undefined && { chunkFrames: options.chunkFrames }),
  })
  const steps = Math.max(1, Math.floor((epochs * source.frames) / size))
  const patience = new Patience(source.frames, size, maxNoImprovement ?? Number.POSITIVE_INFINITY)
  const buffers = [new Float32Array(size * source.dim), new Float32Array(size * source.dim)] as const
  const fill = async (step: number): Promise<Float32Array> => {
    const batch = buffers[step % 2]!
    await source.gather(drawRuns(source.frames, size, runFrames, new HostRng(seed, 'mini-batch', step)), batch)
    return batch
  }
  try {
    let step = 0
    let converged = false
    let batch = await fill(0)
    while (step < steps && !converged) {
      signal?.throwIfAborted()
      // The next batch is read while the engine works on this one.
      const [inertia, following] = await Promise.all([updater.update(batch), fill(step + 1)])
      batch = following
      step++
      const batchInertia = inertia / size
      converged = patience.isOver(step, batchInertia)
      options.onStep?.({ step, steps, batchInertia, smoothedInertia: patience.smoothed ?? batchInertia })
    }
    const nearest = new NearestCentroids(updater.centroids, source.dim, options.chunkFrames)
    try {
      const { inertia, counts } = await nearest.accumulate(source, { ...(signal && { signal }) })
      const codebook = new Codebook(Float32Array.from(updater.centroids), source.dim, {
        algorithm: 'mini-batch',
        seed: String(seed),
        frames: String(source.frames),
        batchFrames: String(size),
        steps: String(step),
        inertia: String(inertia),
      })
      return { codebook, inertia, counts, iterations: step, converged }
    } finally {
      nearest.dispose()
    }
  } finally {
    updater.dispose()
  }
}

/** Decides when the inertia of the batches has ceased to fall. */
class Patience {
  smoothed: number | undefined
  #lowest = Number.POSITIVE_INFINITY
  #without = 0
  readonly #weight: number

  constructor(
    frames: number,
    batchFrames: number,
    private readonly most: number,
  ) {
    this.#weight = Math.min(1, (2 * batchFrames) / (frames + 1))
  }

  /** @param step From 1; the first one's inertia is that of the initial centroids and does not count. */
  isOver(step: number, batchInertia: number): boolean {
    if (step === 1) return false
    this.smoothed =
      this.smoothed === undefined ? batchInertia : this.smoothed * (1 - this.#weight) + batchInertia * this.#weight
    if (this.smoothed < this.#lowest) {
      this.#lowest = this.smoothed
      this.#without = 0
    } else this.#without++
    return this.#without >= this.most
  }
}

/** The initial centroids of several choices that fit other frames best. */
const bestStart = async (source: FrameSource, options: MiniBatchKMeansOptions): Promise<Float64Array> => {
  const { clusters, init = 'k-means++', initFrames, initRuns = 20, seed = 0, chunkFrames, signal } = options
  if (typeof init !== 'string') return givenCentroids(init, clusters, source.dim)
  wholeNumber('initRuns', initRuns, 1)
  const count = initFramesOf(source, clusters, initFrames)
  const rng = new HostRng(seed, 'mini-batch', init)
  const start = async (run: number): Promise<Float64Array> => {
    const own = rng.fold('run', run)
    if (init === 'random') return Float64Array.from(await sampleFrames(source, clusters, own))
    return kMeansPlusPlus(await sampleFrames(source, count, own), source.dim, clusters, own, signal)
  }
  let best = await start(0)
  if (initRuns === 1) return best
  const validation = arrayFrames(await sampleFrames(source, count, rng.fold('validation')), source.dim)
  const nearest = new NearestCentroids(best, source.dim, chunkFrames)
  try {
    const first = await nearest.accumulate(validation, { ...(signal && { signal }) })
    const { spread } = first
    let lowest = first.inertia
    for (let run = 1; run < initRuns; run++) {
      const centroids = await start(run)
      nearest.centroids = centroids
      const { inertia } = await nearest.accumulate(validation, { spread, ...(signal && { signal }) })
      if (inertia < lowest) [best, lowest] = [centroids, inertia]
    }
  } finally {
    nearest.dispose()
  }
  return best
}

/** Runs of frames that make up a batch, each begun anywhere; one that comes to the end goes on at the beginning, so all frames are equal. */
const drawRuns = (frames: number, size: number, runFrames: number, rng: HostRng): [number, number][] => {
  const length = Math.min(runFrames, frames)
  const starts = Float64Array.from({ length: Math.ceil(size / length) }, () =>
    Math.floor(rng.uniform() * frames),
  ).sort()
  const runs: [number, number][] = []
  let left = size
  for (const start of starts) {
    const count = Math.min(length, left)
    const first = Math.min(count, frames - start)
    runs.push([start, first])
    if (first < count) runs.push([0, count - first])
    left -= count
  }
  return runs
}
