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
  /** Mean over the dimensions of the frames' variance. */
  readonly variance: number
}

/** Labels of consecutive frames; what lies beyond `frames` in the arrays is no frame's. */
export interface LabelledChunk {
  /** Number of the first frame within the source. */
  readonly start: number
  readonly frames: number
  readonly labels: Int32Array
  /** To the nearest centroid. */
  readonly squaredDistances: Float32Array
}

type Results = { readonly labels: tf.Tensor1D; readonly squares: tf.Tensor1D }

/** Chunks whose sums are added in float32 on the device before they go on in float64 on the host. */
const chunksPerFlush = 16

/** Frames of a chunk: features and scores of a chunk should fit in a processor's caches. */
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

/** Centroids as the programs take them: from their own mean, where float32 loses least. */
interface PlacedCentroids {
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

const fromCenter = (x: tf.Tensor2D, { center }: PlacedCentroids): tf.Tensor1D => tf.sum(tf.square(tf.sub(x, center)), 1)

/**
 * Finds the nearest centroid of frames on the engine, with one program for all chunks of frames.
 *
 * Distances come from one matrix product in float32, sums per cluster are exact to float32 within 16 chunks and added in float64.
 */
export class NearestCentroids {
  readonly chunkFrames: number
  readonly #accumulate
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
      return { labels, squares: tf.add(fromCenter(x, placed), tf.mul(lowest, 2)) }
    }
    this.#label = compile(search, { name: 'k-means labels' })
    this.#accumulate = compile(
      (x: tf.Tensor2D, placed: PlacedCentroids, sums: tf.Tensor2D) => {
        const results = search(x, placed)
        return { ...results, sums: tf.add(sums, sumByLabel(x, results.labels, clusters)) as tf.Tensor2D }
      },
      { name: 'k-means pass' },
    )
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
  async accumulate(source: FrameSource, signal?: AbortSignal): Promise<PassTotals> {
    const { dim, clusters } = this
    const counts = new Float64Array(clusters)
    const sums = new Float64Array(clusters * dim)
    let inertia = 0
    let onDevice = tf.zeros<tf.Rank.R2>([clusters, dim])
    let chunks = 0
    const flush = async (): Promise<void> => {
      const values = await onDevice.data()
      for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
    }
    await this.#pipeline(
      source,
      (x) => {
        const { sums: added, ...rest } = this.#accumulate(x, this.#placed, onDevice)
        onDevice.dispose()
        onDevice = added
        return rest
      },
      async ({ frames, labels, squaredDistances }) => {
        for (let i = 0; i < frames; i++) {
          counts[labels[i]!]!++
          inertia += squaredDistances[i]!
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
    return { frames: source.frames, counts, sums, inertia, variance: this.#variance(counts, sums, inertia) }
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
    this.#label.dispose()
  }

  /** Runs a program on each chunk and hands its results on, one chunk behind, so that the engine never waits for the host. */
  async #pipeline(
    source: FrameSource,
    run: (x: tf.Tensor2D) => Results,
    visit: (chunk: LabelledChunk) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const chunkFrames = Math.min(this.chunkFrames, source.frames)
    let running: { readonly results: Results; readonly frames: number; readonly start: number } | undefined
    const finish = async ({ results, frames, start }: NonNullable<typeof running>): Promise<void> => {
      const [labels, squares] = await Promise.all([results.labels.data(), results.squares.data()])
      tf.dispose([results.labels, results.squares])
      for (let i = 0; i < frames; i++) if (!Number.isFinite(squares[i]!)) throw notFinite(source, start + i)
      // Rounding may give less than nothing.
      const squaredDistances = (squares as Float32Array).map((square) => Math.max(0, square))
      await visit({ start, frames, labels: labels as Int32Array, squaredDistances })
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
      if (running) tf.dispose([running.results.labels, running.results.squares])
    }
  }

  /** The frames' variance is that within the clusters and that between them. */
  #variance(counts: Float64Array, sums: Float64Array, inertia: number): number {
    const { dim, clusters } = this
    const mean = new Float64Array(dim)
    let frames = 0
    let squares = inertia
    for (let k = 0; k < clusters; k++) {
      const count = counts[k]!
      frames += count
      for (let j = 0; j < dim; j++) {
        const center = this.#center[j]!
        const offset = this.#centroids[k * dim + j]! - center
        const sum = sums[k * dim + j]! - count * center
        squares += offset * (2 * sum - count * offset)
        mean[j]! += sum
      }
    }
    return Math.max(0, squares / frames - mean.reduce((total, sum) => total + (sum / frames) ** 2, 0)) / dim
  }
}

/** The chunk's numbers, with zeros up to `length`: the sums do not see them, and labels of what is no frame are not looked at. */
const padded = ({ data }: FrameChunk, length: number): Float32Array => {
  if (data.length === length) return data
  const whole = new Float32Array(length)
  whole.set(data)
  return whole
}

const place = (centroids: Float64Array, dim: number): [Float64Array, PlacedCentroids] => {
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
