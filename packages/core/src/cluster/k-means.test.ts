import { fileURLToPath } from 'node:url'
import { readSafetensors, toFloat32, toInt32 } from '@babble/core'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { HostRng } from '../random/index'
import { Codebook } from './codebook'
import { arrayFrames, type FrameSource } from './frame-source'
import { type KMeansOptions, kMeans } from './k-means'
import { kMeansPlusPlus } from './k-means-plus-plus'
import { miniBatchKMeans } from './mini-batch-k-means'
import { MiniBatchUpdater } from './mini-batch-updater'

const fixture = async (name: string) => {
  const file = fileURLToPath(new URL(`../../fixtures/kmeans/${name}.safetensors`, import.meta.url))
  const { tensors } = await readSafetensors(file)
  return {
    floats: (tensor: string) => toFloat32(tensors.get(tensor)!),
    integers: (tensor: string) => toInt32(tensors.get(tensor)!),
  }
}

/** Frames around `centers`, the same number of each, in turn. */
const blobs = (centers: readonly (readonly number[])[], each: number, spread: number, seed = 0): Float32Array => {
  const rng = new HostRng(seed, 'blobs')
  return Float32Array.from(
    Array.from({ length: each }, () =>
      centers.flatMap((center) => center.map((x) => x + spread * rng.normal())),
    ).flat(),
  )
}

const corners = [
  [0, 0, 0],
  [10, 0, 0],
  [0, 10, 0],
  [0, 0, 10],
]

/** A source that never gives more than a chunk, and counts the passes over it. */
const counted = (source: FrameSource): FrameSource & { passes: number } => ({
  ...source,
  passes: 0,
  chunks(size) {
    this.passes++
    return source.chunks(size)
  },
})

describe.each(enginesUnderTest())('k-means on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each([
    ['iter1', 1],
    ['iter2', 2],
    ['iter3', 3],
    ['iter5', 5],
    ['converged', 300],
  ])("gives scikit-learn's centroids, labels and inertia: %s", async (name, maxIterations) => {
    const [inputs, expected] = [await fixture('inputs'), await fixture('expected')]
    const x = inputs.floats('x')
    const options = { clusters: 5, init: inputs.floats('init'), tolerance: 0, maxIterations }
    // Chunks of another size than the data must not matter.
    for (const chunkFrames of [300, 64]) {
      const result = await kMeans(arrayFrames(x, 6), { ...options, chunkFrames })
      expectClose(result.codebook.centroids, expected.floats(`${name}.centers`), { relative: 1e-6 })
      expectClose([result.inertia], expected.floats(`${name}.inertia`), { relative: 1e-6 })
      const labels = await result.codebook.label({ data: x, dim: 6 })
      expect([...labels]).toEqual([...expected.integers(`${name}.labels`)])
      if (name === 'converged') {
        expect(result.converged).toBe(true)
        expect(result.iterations).toBe(expected.integers('converged.n_iter')[0])
      }
      expect(result.counts.reduce((a, b) => a + b)).toBe(300)
    }
  })

  it("moves the centroids batch by batch as scikit-learn's partial_fit does", async () => {
    const [inputs, expected] = [await fixture('inputs'), await fixture('expected')]
    const x = inputs.floats('x')
    const centroids = Float64Array.from(inputs.floats('init'))
    const updater = new MiniBatchUpdater({ centroids, dim: 6, batchFrames: 50 })
    for (let batch = 0; batch < 4; batch++) await updater.update(x.subarray(batch * 300, (batch + 1) * 300))
    expectClose(updater.centroids, expected.floats('minibatch4.centers'), { relative: 1e-6 })
    updater.dispose()
  })

  it('finds well separated clusters from k-means++, from every seed, and the same ones from the same seed', async () => {
    const source = arrayFrames(blobs(corners, 100, 0.5), 3)
    for (let seed = 0; seed < 2; seed++) {
      const result = await kMeans(source, { clusters: 4, seed })
      expect([...result.counts]).toEqual([100, 100, 100, 100])
      const again = await kMeans(source, { clusters: 4, seed })
      expect(again.codebook.centroids).toEqual(result.codebook.centroids)
      const batches = { clusters: 4, seed, batchFrames: 64, epochs: 5, initRuns: 2, runFrames: 3 }
      const mini = await miniBatchKMeans(source, batches)
      expect([...mini.counts]).toEqual([100, 100, 100, 100])
      expect((await miniBatchKMeans(source, batches)).codebook.centroids).toEqual(mini.codebook.centroids)
    }
  })

  it('keeps its accuracy far from the origin, where squared norms are 16,000 times the distances', async () => {
    const x = blobs(corners, 50, 0.5).map((value) => value + 64)
    const init = Float32Array.from(corners.flat(), (value) => value + 64)
    const { codebook, inertia } = await kMeans(arrayFrames(x, 3), { clusters: 4, init, tolerance: 0 })
    const means = new Float64Array(12)
    for (let i = 0; i < x.length; i++) means[i % 12]! += x[i]! / 50
    const expected = x.reduce((sum, value, i) => sum + (value - means[i % 12]!) ** 2, 0)
    // 64 has an ulp of 8e-6.
    expectClose(codebook.centroids, means, { absolute: 8e-6 })
    expectClose([inertia], [expected], { relative: 5e-6 })
  })

  it('gives equal distances to the first centroid, with many clusters too', async () => {
    const centroids = Float32Array.from({ length: 40 }, (_, k) => (k % 20) * 10)
    const frames = Float32Array.from({ length: 20 }, (_, i) => i * 10)
    expect([...(await new Codebook(centroids, 1).label({ data: frames, dim: 1 }))]).toEqual([...Array(20).keys()])
  })

  it('gives a cluster without frames the farthest frame, as scikit-learn does', async () => {
    // KMeans(3, init=[[0], [1], [100]], n_init=1, max_iter=1, tol=0) on this column: the third centroid is nearest to nothing.
    const x = Float32Array.from([0, 0.25, 0.5, 1, 1.5, 9, 2])
    const relocated: number[] = []
    const { codebook, iterations } = await kMeans(arrayFrames(x, 1), {
      clusters: 3,
      init: Float32Array.of(0, 1, 100),
      maxIterations: 1,
      tolerance: 0,
      onIteration: (progress) => relocated.push(progress.relocated),
    })
    expect(iterations).toBe(1)
    expect(relocated).toEqual([1])
    expectClose(codebook.centroids, [0.25, 1.5, 9], { relative: 1e-6 })
  })

  it('ends with empty clusters where there are fewer different frames than clusters', async () => {
    const x = new Float32Array(60).map((_, i) => i % 2)
    const { counts, converged, inertia } = await kMeans(arrayFrames(x, 1), { clusters: 4, maxIterations: 20 })
    expect(converged).toBe(true)
    expect(inertia).toBe(0)
    expect([...counts].sort((a, b) => a - b)).toEqual([0, 0, 30, 30])
  })

  it('goes on in mini-batches with clusters that nothing is near, and leaves them where they were', async () => {
    const x = new Float32Array(60).map((_, i) => i % 2)
    for (const batchFrames of [3, 60]) {
      const options = { clusters: 4, batchFrames, initRuns: 2, epochs: 3 }
      const { codebook, counts, inertia } = await miniBatchKMeans(arrayFrames(x, 1), options)
      expect([...codebook.centroids].every((value) => value === 0 || value === 1)).toBe(true)
      expect([...counts].sort((a, b) => a - b)).toEqual([0, 0, 30, 30])
      expect(inertia).toBe(0)
    }
    const init = Float32Array.of(0, 1, 500)
    const { codebook, counts } = await miniBatchKMeans(arrayFrames(x, 1), { clusters: 3, init, batchFrames: 20 })
    expect([codebook.centroids[2], counts[2]]).toEqual([500, 0])
  })

  it('makes each frame a cluster where there are as many, and refuses more', async () => {
    const source = arrayFrames(Float32Array.of(1, 5, 9), 1)
    for (const init of ['k-means++', 'random'] as const) {
      for (const cluster of [kMeans, miniBatchKMeans]) {
        const { codebook, counts, inertia } = await cluster(source, { clusters: 3, init })
        expect([...codebook.centroids].sort()).toEqual([1, 5, 9])
        expect([...counts]).toEqual([1, 1, 1])
        expect(inertia).toBe(0)
        await expect(cluster(source, { clusters: 4, init })).rejects.toThrow(
          '4 clusters need at least as many frames; there are 3. Take fewer clusters or more data.',
        )
      }
    }
    const nothing = arrayFrames(new Float32Array(0), 1)
    await expect(miniBatchKMeans(nothing, { clusters: 1 })).rejects.toThrow('as many frames; there are 0.')
  })

  it('refuses what cannot be clustered', async () => {
    const source = arrayFrames(blobs(corners, 10, 1), 3)
    const refusal = (options: Partial<KMeansOptions>, from = source) => kMeans(from, { clusters: 2, ...options })
    await expect(refusal({ clusters: 41 })).rejects.toThrow('41 clusters need at least as many frames; there are 40')
    await expect(refusal({ clusters: 0 })).rejects.toThrow('clusters is 0')
    await expect(refusal({ init: new Float32Array(5) })).rejects.toThrow('init has 5 numbers')
    await expect(refusal({ tolerance: -1 })).rejects.toThrow('tolerance is -1')
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e30]) {
      const data = blobs(corners, 10, 1)
      data[17 * 3 + 1] = value
      const spoilt = arrayFrames(data, 3)
      await expect(refusal({}, spoilt)).rejects.toThrow('frame 17 holds NaN, infinity')
      await expect(refusal({ init: Float32Array.from([0, 0, 0, 1, 1, 1]) }, spoilt)).rejects.toThrow('frame 17')
      await expect(new Codebook(new Float32Array(3), 3).label({ data, dim: 3 })).rejects.toThrow('frame 17')
      await expect(miniBatchKMeans(spoilt, { clusters: 2, initRuns: 1, batchFrames: 40 })).rejects.toThrow('NaN')
    }
  })

  it('streams: one pass an iteration and one for the inertia at the end', async () => {
    const source = counted(arrayFrames(blobs(corners, 50, 3), 3))
    const init = Float32Array.from(corners.flat())
    await kMeans(source, { clusters: 4, init, maxIterations: 2, tolerance: 0, chunkFrames: 30 })
    expect(source.passes).toBe(3)
  })

  it('gives the inertia of each pass, also of those that know the spread of the frames from the first', async () => {
    const x = blobs(corners, 50, 3).map((value) => value + 20)
    const init = Float32Array.from(corners.flat(), (value) => value + 25)
    const inertias: number[] = []
    const options = {
      clusters: 4,
      init,
      tolerance: 0,
      onIteration: ({ inertia }: { inertia: number }) => inertias.push(inertia),
    }
    const { inertia } = await kMeans(arrayFrames(x, 3), { ...options, maxIterations: 4 })
    const expected: number[] = []
    for (let maxIterations = 1; maxIterations <= 4; maxIterations++) {
      const { codebook } = await kMeans(arrayFrames(x, 3), { clusters: 4, init, tolerance: 0, maxIterations })
      let sum = 0
      for (let i = 0; i < x.length; i += 3) {
        const distances = corners.map((_, k) =>
          [0, 1, 2].reduce((total, j) => total + (x[i + j]! - codebook.centroids[k * 3 + j]!) ** 2, 0),
        )
        sum += Math.min(...distances)
      }
      expected.push(sum)
    }
    expectClose([...inertias.slice(1), inertia], expected, { relative: 1e-6 })
    expect(inertias).toHaveLength(4)
  })

  it('stops when told to', async () => {
    const controller = new AbortController()
    const running = kMeans(arrayFrames(blobs(corners, 50, 3), 3), {
      clusters: 4,
      tolerance: 0,
      signal: controller.signal,
      onIteration: () => controller.abort(),
    })
    await expect(running).rejects.toThrow('aborted')
  })

  it('moves clusters that stay small to frames of the batch, where asked to', async () => {
    const x = blobs(
      [
        [0, 0, 0],
        [10, 0, 0],
      ],
      100,
      0.5,
    )
    const centroids = Float64Array.from([0, 0, 0, 500, 500, 500])
    const lazy = new MiniBatchUpdater({ centroids, dim: 3, batchFrames: 200 })
    await lazy.update(x)
    expect([...lazy.counts]).toEqual([200, 0])
    expect([...lazy.centroids.slice(3)]).toEqual([500, 500, 500])
    const options = { reassignmentRatio: 0.01, rng: new HostRng(0) }
    const eager = new MiniBatchUpdater({ centroids, dim: 3, batchFrames: 200, ...options })
    await eager.update(x)
    expect([...eager.counts]).toEqual([200, 200])
    const moved = Float32Array.from(eager.centroids.slice(3)).join()
    expect(Array.from({ length: 200 }, (_, i) => x.subarray(i * 3, i * 3 + 3).join())).toContain(moved)
    for (const updater of [lazy, eager]) updater.dispose()
  })

  it('k-means++ takes each cluster once where they are far apart, also when frames repeat', async () => {
    const x = blobs(corners, 30, 0)
    for (let seed = 0; seed < 5; seed++) {
      const centroids = await kMeansPlusPlus(x, 3, 4, new HostRng(seed))
      const seen = new Set(Array.from({ length: 4 }, (_, k) => centroids.slice(k * 3, k * 3 + 3).join()))
      expect(seen).toEqual(new Set(corners.map((corner) => corner.join())))
    }
  })
})
