import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { HostRng } from '../random/index'
import { arrayFrames } from './frame-source'
import { NearestCentroids, sumByLabel } from './nearest-centroids'

/** Small whole numbers: every product and sum is exact, and many distances are equal. */
const wholeNumbers = (count: number, seed: number): Float32Array => {
  const rng = new HostRng(seed, 'whole numbers')
  return Float32Array.from({ length: count }, () => rng.int(7) - 3)
}

describe.each(enginesUnderTest())('NearestCentroids on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each([1, 2, 15, 16, 17, 23, 100])('finds one of the nearest of %i centroids for each frame', async (clusters) => {
    const dim = 3
    const frames = 90
    const [x, centroids] = [wholeNumbers(frames * dim, 1), Float64Array.from(wholeNumbers(clusters * dim, clusters))]
    const distance = (frame: number, k: number) =>
      [0, 1, 2].reduce((sum, j) => sum + (x[frame * dim + j]! - centroids[k * dim + j]!) ** 2, 0)
    const least = Array.from({ length: frames }, (_, frame) =>
      Math.min(...Array.from({ length: clusters }, (__, k) => distance(frame, k))),
    )
    const nearest = new NearestCentroids(centroids, dim, 32)
    const found: number[] = []
    await nearest.label(arrayFrames(x, dim), (chunk) => {
      found.push(...chunk.labels.subarray(0, chunk.frames))
    })
    const { counts, sums, inertia } = await nearest.accumulate(arrayFrames(x, dim))
    nearest.dispose()
    expect(found.map((k, frame) => distance(frame, k))).toEqual(least)
    expect([...counts]).toEqual(Array.from({ length: clusters }, (_, k) => found.filter((label) => label === k).length))
    const expected = new Float64Array(clusters * dim)
    found.forEach((k, frame) => {
      for (let j = 0; j < dim; j++) expected[k * dim + j]! += x[frame * dim + j]!
    })
    expect([...sums]).toEqual([...expected])
    expect(Math.abs(inertia - least.reduce((a, b) => a + b))).toBeLessThan(1e-3)
  })

  it('sums by label in either way', () => {
    const x = tf.tensor2d(wholeNumbers(50 * 4, 3), [50, 4])
    const labels = tf.tensor1d(
      Int32Array.from({ length: 50 }, (_, i) => (i * 7) % 6),
      'int32',
    )
    const inOrder = sumByLabel(x, labels, 8, true).dataSync()
    expect([...sumByLabel(x, labels, 8, false).dataSync()]).toEqual([...inOrder])
    expect(inOrder.some((sum) => sum !== 0)).toBe(true)
  })

  it('leaves no tensor behind, also when a frame is not finite', async () => {
    const before = tf.memory().numTensors
    const x = wholeNumbers(60, 4)
    const nearest = new NearestCentroids(Float64Array.of(0, 0, 1, 1), 2, 8)
    await nearest.accumulate(arrayFrames(x, 2))
    nearest.centroids = Float64Array.of(0, 1, 1, 2)
    x[11] = Number.NaN
    await expect(nearest.accumulate(arrayFrames(x, 2))).rejects.toThrow('frame 5')
    nearest.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})
