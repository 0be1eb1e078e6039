import * as tf from '@tensorflow/tfjs-core'
import { compile } from '../engine/index'
import { type FrameChunk, type FrameSource, notFinite } from './frame-source'

/** Sums of one pass over frames, each frame counted with its nearest centroid. */
export interface PassTotals {
  readonly frames: number
  /** Frames of each cluster. */
  readonly counts: Float64Array
  /** `[clusters, dim]`: sum of each cluster's frames. */
  readonly sums: Float64Array
  /** Sum of the squared distances to the nearest centroids. */
  readonly inertia: number
  readonly spread: Spread
}

/** How far a source's frames lie apart: the same in every pass. */
export interface Spread {
  /** Mean over the dimensions of the frames' variance. */
  readonly variance: number
  /** A point, and the sum of the frames' squared distances to it. */
  readonly center: Float64Array
  readonly squares: number
}

export interface PassOptions {
  readonly signal?: AbortSignal
  /** From an earlier pass over the same frames: it need not be worked out again. */
  readonly spread?: Spread
}

/** Labels of consecutive frames; what lies beyond `frames` in the arrays is no frame's. */
export interface LabelledChunk {
  /** Number of the first frame within the source. */
  readonly start: number
  readonly frames: number
  readonly labels: Int32Array
  /** To the nearest centroid; rounding may give less than nothing. */
  readonly squaredDistances: Float32Array
  /** @internal Squared distances to the center, where they were worked out. */
  readonly fromCenter: Float32Array
}

/** What a program gives of a chunk, `[frames]` each. */
interface Results {
  readonly labels: tf.Tensor1D
  /** Squared distances to the nearest centroid; in later passes, less those to the center. */
  readonly squares: tf.Tensor1D
  /** Squared distances to the center; empty in later passes. */
  readonly fromCenter: tf.Tensor1D
}

/** Chunks whose sums are added in float32 on the device before they go on in float64 on the host. */
const chunksPerFlush = 16

/** Frames of a chunk: so many that what each costs besides its frames does not count, in 25 MB of features and as many of scores at most. */
const framesPerChunk = (dim: number, clusters: number): number => {
  const fitting = 6_400_000 / Math.max(dim, clusters)
  return Math.min(32768, Math.max(512, 2 ** Math.floor(Math.log2(fitting))))
}

/**
 * The smallest value of each column and its row, the first among equals; 0 to rows - 1 whatever the values.
 *
 * Rows are first folded on one another, since XLA's CPU compiler makes one fast loop of elementwise ops, and slow ones of reductions.
 */
const lowestRow = (scores: tf.Tensor2D): { labels: tf.Tensor1D; lowest: tf.Tensor1D } => {
  const [rows, columns] = scores.shape
  if (rows < 16) return { labels: tf.argMin(scores, 0), lowest: tf.min(scores, 0) }
  const height = Math.ceil(rows / 8)
  let best: tf.Tensor = tf.slice(scores, [0, 0], [height, columns])
  let first: tf.Tensor = tf.zeros([height, columns], 'int32')
  for (let from = height; from < rows; from += height) {
    // The last block may overlap the one before it: a row compared twice wins once.
    const start = Math.min(from, rows - height)
    const next = tf.slice(scores, [start, 0], [height, columns])
    const better = tf.less(next, best)
    best = tf.where(better, next, best)
    first = tf.where(better, tf.scalar(start, 'int32'), first)
  }
  const row = tf.add(first, tf.expandDims(tf.range(0, height, 1, 'int32'), 1))
  const lowest = tf.min<tf.Tensor1D>(best, 0)
  const candidates = tf.where(tf.equal(best, tf.expandDims(lowest, 0)), row, tf.scalar(rows - 1, 'int32'))
  return { labels: tf.min(candidates, 0), lowest }
}

/**
 * `[clusters, dim]`: the sum of each label's frames. Processors add frame after frame; what else computes gets a matrix product, since
 * its scattered sums come in another order at each call.
 */
export const sumByLabel = (
  x: tf.Tensor2D,
  labels: tf.Tensor1D,
  clusters: number,
  inOrder = ((tf.backend() as { device?: string }).device ?? 'cpu') === 'cpu',
): tf.Tensor2D => {
  if (inOrder) return tf.unsortedSegmentSum(x, labels, clusters)
  const isLabel = tf.equal(tf.expandDims(tf.range(0, clusters, 1, 'int32'), 1), tf.expandDims(labels, 0))
  return tf.matMul(tf.cast(isLabel, 'float32') as tf.Tensor2D, x)
}

/** Frames of a chunk such that little of the last one of a few is padding. Sources of many chunks share a program. */
const evenChunks = (frames: number, most: number): number => {
  const chunks = Math.max(1, Math.ceil(frames / most))
  return chunks <= 16 ? Math.ceil(frames / chunks) : most
}

/** Centroids as the programs take them: from their own mean, where float32 loses least. */
export interface PlacedCentroids {
  /** `[clusters, dim]` */
  readonly offsets: tf.Tensor2D
  /** `[clusters, 1]`: what makes -offsets · x half a squared distance, up to a part that all clusters share. */
  readonly bias: tf.Tensor2D
  /** `[dim]` */
  readonly center: tf.Tensor1D
}

/** Half the squared distances `[clusters, frames]`, less half of each frame's own from the center. */
const scoresOf = (x: tf.Tensor2D, { offsets, bias }: PlacedCentroids): tf.Tensor2D =>
  tf.sub(bias, tf.matMul(offsets, x, false, true))

/**
 * The search within a larger program: the nearest centroid of each frame, and half its squared distance less what all clusters share, which is
 * not finite where the frame is not.
 *
 * @param x `[frames, dim]`
 */
export const nearestOf = (
  x: tf.Tensor2D,
  placed: PlacedCentroids,
): { readonly labels: tf.Tensor1D; readonly lowest: tf.Tensor1D } => lowestRow(scoresOf(x, placed))

const fromCenter = (x: tf.Tensor2D, { center }: PlacedCentroids): tf.Tensor1D => tf.sum(tf.square(tf.sub(x, center)), 1)

/**
 * Finds the nearest centroid of frames on the engine, with one program for all chunks of frames.
 *
 * Distances come from one matrix product in float32, sums per cluster are exact to float32 within 16 chunks and added in float64.
 */
export class NearestCentroids {
  readonly chunkFrames: number
  readonly #accumulate
  readonly #accumulateScores
  readonly #label
  #centroids: Float64Array
  #placed: PlacedCentroids
  #center: Float64Array

  /**
   * @param centroids `[clusters, dim]`
   * @param chunkFrames Frames that are on the engine at a time.
   */
  constructor(
    centroids: Float64Array,
    readonly dim: number,
    chunkFrames?: number,
  ) {
    const clusters = centroids.length / dim
    this.chunkFrames = chunkFrames ?? framesPerChunk(dim, clusters)
    const search = (x: tf.Tensor2D, placed: PlacedCentroids): Results => {
      const { labels, lowest } = lowestRow(scoresOf(x, placed))
      const own = fromCenter(x, placed)
      return { labels, squares: tf.add(own, tf.mul(lowest, 2)), fromCenter: own }
    }
    const searchScores = (x: tf.Tensor2D, placed: PlacedCentroids): Results => {
      const { labels, lowest } = lowestRow(scoresOf(x, placed))
      return { labels, squares: tf.mul(lowest, 2), fromCenter: tf.zeros([0]) }
    }
    const accumulate = (find: typeof search) => (x: tf.Tensor2D, placed: PlacedCentroids, sums: tf.Tensor2D) => {
      const results = find(x, placed)
      return { ...results, sums: tf.add(sums, sumByLabel(x, results.labels, clusters)) as tf.Tensor2D }
    }
    this.#label = compile(search, { name: 'k-means labels' })
    this.#accumulate = compile(accumulate(search), { name: 'k-means pass' })
    this.#accumulateScores = compile(accumulate(searchScores), { name: 'k-means later pass' })
    this.#centroids = centroids
    ;[this.#center, this.#placed] = place(centroids, dim)
  }

  get clusters(): number {
    return this.#centroids.length / this.dim
  }

  /** `[clusters, dim]` */
  get centroids(): Float64Array {
    return this.#centroids
  }

  set centroids(values: Float64Array) {
    tf.dispose(this.#placed as unknown as tf.TensorContainer)
    this.#centroids = values
    ;[this.#center, this.#placed] = place(values, this.dim)
  }

  /**
   * Goes through all frames once.
   *
   * @throws DataError naming the file and frame of a number that is not finite.
   */
  async accumulate(source: FrameSource, { signal, spread }: PassOptions = {}): Promise<PassTotals> {
    const { dim, clusters } = this
    const counts = new Float64Array(clusters)
    const sums = new Float64Array(clusters * dim)
    const run = spread ? this.#accumulateScores : this.#accumulate
    let [squares, own] = [0, 0]
    let onDevice = tf.zeros<tf.Rank.R2>([clusters, dim])
    let chunks = 0
    const flush = async (): Promise<void> => {
      const values = await onDevice.data()
      for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
    }
    await this.#pipeline(
      source,
      (x) => {
        const { sums: added, ...rest } = run(x, this.#placed, onDevice)
        onDevice.dispose()
        onDevice = added
        return rest
      },
      async ({ frames, labels, squaredDistances, fromCenter }) => {
        for (let i = 0; i < frames; i++) {
          counts[labels[i]!]!++
          squares += squaredDistances[i]!
          own += fromCenter[i] ?? 0
        }
        if (++chunks % chunksPerFlush > 0) return
        await flush()
        onDevice.dispose()
        onDevice = tf.zeros([clusters, dim])
      },
      signal,
    )
      .then(flush)
      .finally(() => onDevice.dispose())
    const { frames } = source
    if (!spread) return { frames, counts, sums, inertia: Math.max(0, squares), spread: this.#spread(frames, sums, own) }
    // The scores are from the squared distances to the center of these centroids.
    const inertia = squares + squaresFrom(this.#center, spread, frames, sums)
    return { frames, counts, sums, inertia: Math.max(0, inertia), spread }
  }

  /** Labels all frames, in order. */
  async label(
    source: FrameSource,
    visit: (chunk: LabelledChunk) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#pipeline(source, (x) => this.#label(x, this.#placed), visit, signal)
  }

  dispose(): void {
    tf.dispose(this.#placed as unknown as tf.TensorContainer)
    this.#accumulate.dispose()
    this.#accumulateScores.dispose()
    this.#label.dispose()
  }

  /** Runs a program on each chunk and hands its results on, one chunk behind, so that the engine never waits for the host. */
  async #pipeline(
    source: FrameSource,
    run: (x: tf.Tensor2D) => Results,
    visit: (chunk: LabelledChunk) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const chunkFrames = evenChunks(source.frames, this.chunkFrames)
    let running: { readonly results: Results; readonly frames: number; readonly start: number } | undefined
    const finish = async ({ results, frames, start }: NonNullable<typeof running>): Promise<void> => {
      const [labels, squares, own] = await Promise.all([
        results.labels.data(),
        results.squares.data(),
        results.fromCenter.data(),
      ])
      disposeOf(results)
      for (let i = 0; i < frames; i++) if (!Number.isFinite(squares[i]!)) throw notFinite(source, start + i)
      await visit({
        start,
        frames,
        labels: labels as Int32Array,
        squaredDistances: squares as Float32Array,
        fromCenter: own as Float32Array,
      })
    }
    try {
      for await (const chunk of source.chunks(chunkFrames)) {
        signal?.throwIfAborted()
        const x = tf.tensor2d(padded(chunk, chunkFrames * this.dim), [chunkFrames, this.dim])
        const before = running
        running = { results: run(x), frames: chunk.frames, start: chunk.start }
        x.dispose()
        if (before) await finish(before)
      }
      if (running) await finish(running)
    } finally {
      if (running) disposeOf(running.results)
    }
  }

  #spread(frames: number, sums: Float64Array, squares: number): Spread {
    const center = this.#center
    const ofMean = totalsOf(sums, this.dim).reduce((total, sum, j) => total + (sum / frames - center[j]!) ** 2, 0)
    return { variance: Math.max(0, squares / frames - ofMean) / this.dim, center, squares }
  }
}

const disposeOf = ({ labels, squares, fromCenter }: Results): void => tf.dispose([labels, squares, fromCenter])

/** Sum over the clusters: that of all frames. */
const totalsOf = (sums: Float64Array, dim: number): Float64Array => {
  const totals = new Float64Array(dim)
  for (let i = 0; i < sums.length; i++) totals[i % dim]! += sums[i]!
  return totals
}

/** Sum of the frames' squared distances to `center`, from that to another point. */
const squaresFrom = (center: Float64Array, spread: Spread, frames: number, sums: Float64Array): number => {
  const totals = totalsOf(sums, center.length)
  return center.reduce((squares, value, j) => {
    const step = value - spread.center[j]!
    return squares + step * (frames * (value + spread.center[j]!) - 2 * totals[j]!)
  }, spread.squares)
}

/** The chunk's numbers, with zeros up to `length`: the sums do not see them, and labels of what is no frame are not looked at. */
const padded = ({ data }: FrameChunk, length: number): Float32Array => {
  if (data.length === length) return data
  const whole = new Float32Array(length)
  whole.set(data)
  return whole
}

/** Centroids for the programs, and their mean. The tensors are the caller's. */
export const place = (centroids: Float64Array, dim: number): [Float64Array, PlacedCentroids] => {
  const clusters = centroids.length / dim
  const center = new Float64Array(dim)
  for (let i = 0; i < centroids.length; i++) center[i % dim]! += centroids[i]! / clusters
  // The program's centre is the host's, to the last bit.
  for (let j = 0; j < dim; j++) center[j] = Math.fround(center[j]!)
  const offsets = new Float32Array(centroids.length)
  const bias = new Float32Array(clusters)
  for (let k = 0; k < clusters; k++) {
    let half = 0
    for (let j = 0; j < dim; j++) {
      const offset = Math.fround(centroids[k * dim + j]! - center[j]!)
      offsets[k * dim + j] = offset
      half += offset * (offset / 2 + center[j]!)
    }
    bias[k] = half
  }
  return [
    center,
    {
      offsets: tf.tensor2d(offsets, [clusters, dim]),
      bias: tf.tensor2d(bias, [clusters, 1]),
      center: tf.tensor1d(Float32Array.from(center)),
    },
  ]
}
