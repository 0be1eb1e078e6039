import * as tf from '@tensorflow/tfjs-core'
import { compile } from '../engine/index'
import { DataError } from '../errors'
import type { HostRng } from '../random/index'
import { type FrameSource, notFinite } from './frame-source'

/** Below this share of the two frames' squared norms, a squared distance is rounding: the frames count as one. */
const sameFrame = 1e-6

/**
 * Greedy k-means++ (Arthur and Vassilvitskii 2007): each centroid is the best of 2 + log(clusters) frames that were drawn in proportion to
 * their squared distance from the centroids so far. As in scikit-learn.
 *
 * @param sample `[frames, dim]`, all in memory and finite
 * @returns `[clusters, dim]`: frames of the sample
 * @throws DataError when there are fewer frames than clusters.
 */
export const kMeansPlusPlus = async (
  sample: Float32Array,
  dim: number,
  clusters: number,
  rng: HostRng,
  signal?: AbortSignal,
): Promise<Float64Array> => {
  const frames = sample.length / dim
  if (frames < clusters) {
    throw new DataError(`${frames} frames cannot be the seeds of ${clusters} clusters.`, {
      field: 'clusters',
      cure: 'Take fewer clusters.',
    })
  }
  const trials = Math.min(frames, 2 + Math.floor(Math.log(clusters)))
  const { rows, squares } = centred(sample, dim)
  const picks = [rng.int(frames)]
  const add = compile(
    (
      x: tf.Tensor2D,
      norms: tf.Tensor1D,
      closest: tf.Tensor2D,
      candidates: tf.Tensor2D,
      candidateNorms: tf.Tensor2D,
    ) => {
      const sums = tf.add(candidateNorms, tf.expandDims(norms, 0))
      const apart = tf.sub(sums, tf.mul(tf.matMul(candidates, x, false, true), 2))
      const distances = tf.where(tf.less(apart, tf.mul(sums, sameFrame)), 0, apart)
      const closer = tf.minimum(distances, closest)
      const best = tf.argMin(tf.sum(closer, 1), 0)
      return { closest: tf.gather(closer, tf.reshape(best, [1])) as tf.Tensor2D, best }
    },
    { name: 'k-means++ step' },
  )
  const onEngine = [tf.tensor2d(rows, [frames, dim]), tf.tensor1d(squares)] as const
  let closest = tf.fill([1, frames], largest) as tf.Tensor2D
  /** Takes the best of some frames as the next centroid; gives each frame's squared distance to its closest centroid. */
  const take = async (candidates: readonly number[]): Promise<{ index: number; distances: Float32Array }> => {
    const features = new Float32Array(candidates.length * dim)
    candidates.forEach((frame, i) => {
      features.set(rows.subarray(frame * dim, (frame + 1) * dim), i * dim)
    })
    const norms = candidates.map((frame) => squares[frame]!)
    const inputs = [
      tf.tensor2d(features, [candidates.length, dim]),
      tf.tensor2d(norms, [candidates.length, 1]),
    ] as const
    const results = add(...onEngine, closest, ...inputs)
    tf.dispose([closest, ...inputs])
    closest = results.closest
    const [best, distances] = await Promise.all([results.best.data(), closest.data()])
    results.best.dispose()
    return { index: candidates[best[0]!]!, distances: distances as Float32Array }
  }
  try {
    let { distances } = await take([picks[0]!])
    while (picks.length < clusters) {
      signal?.throwIfAborted()
      const next = await take(draw(distances, trials, rng))
      picks.push(next.index)
      distances = next.distances
    }
  } finally {
    tf.dispose([closest, ...onEngine])
    add.dispose()
  }
  const centroids = new Float64Array(clusters * dim)
  picks.forEach((frame, k) => {
    centroids.set(sample.subarray(frame * dim, (frame + 1) * dim), k * dim)
  })
  return centroids
}

/** Stands for "no centroid yet"; sums of it stay finite. */
const largest = 1e30

/** Frames drawn in proportion to their squared distances; any, where all are 0. */
const draw = (distances: Float32Array, count: number, rng: HostRng): number[] => {
  const sums = new Float64Array(distances.length)
  let total = 0
  for (let i = 0; i < distances.length; i++) sums[i] = total += distances[i]!
  return Array.from({ length: count }, () => {
    if (total === 0) return rng.int(distances.length)
    const wanted = rng.uniform() * total
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return low
  })
}

/** The frames from their mean, where squared distances lose least in float32, and their squared norms. */
const centred = (sample: Float32Array, dim: number): { rows: Float32Array; squares: Float32Array } => {
  const frames = sample.length / dim
  const mean = new Float64Array(dim)
  for (let i = 0; i < sample.length; i++) mean[i % dim]! += sample[i]! / frames
  const rows = new Float32Array(sample.length)
  const squares = new Float32Array(frames)
  for (let frame = 0; frame < frames; frame++) {
    let square = 0
    for (let j = 0, at = frame * dim; j < dim; j++, at++) {
      const value = Math.fround(sample[at]! - mean[j]!)
      rows[at] = value
      square += value * value
    }
    squares[frame] = square
  }
  return { rows, squares }
}

/**
 * `count` different frames of a source, drawn at random, in the source's order: `[count, dim]`.
 *
 * @throws DataError naming a frame among them that is not finite.
 */
export const sampleFrames = async (source: FrameSource, count: number, rng: HostRng): Promise<Float32Array> => {
  const { dim } = source
  const sample = new Float32Array(count * dim)
  const frames = count === source.frames ? undefined : rng.choice(source.frames, count).sort()
  await source.gather(frames ? runsOf(frames) : [[0, count]], sample)
  for (let i = 0; i < sample.length; i++) {
    // What overflows when it is squared is as bad as infinity.
    if (Number.isFinite(Math.fround(sample[i]! * sample[i]!))) continue
    const at = Math.floor(i / dim)
    throw notFinite(source, frames ? frames[at]! : at)
  }
  return sample
}

/** Sorted frame numbers as runs of consecutive ones. */
const runsOf = (frames: ArrayLike<number>): [number, number][] => {
  const runs: [number, number][] = []
  for (let i = 0; i < frames.length; i++) {
    const last = runs.at(-1)
    if (last && last[0] + last[1] === frames[i]!) last[1]++
    else runs.push([frames[i]!, 1])
  }
  return runs
}
