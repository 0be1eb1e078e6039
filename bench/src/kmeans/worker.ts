/**
 * Babble's side of the k-means benchmark. Usage: node dist/kmeans-worker.js <KMeansWorkerArguments as JSON>
 */
import {
  arrayFrames,
  Codebook,
  FeatureDump,
  type FrameSource,
  kMeans,
  MiniBatchUpdater,
  type Spread,
} from '@babble/core'
import { decline, serve } from '../serve'
import { startEngine } from '../start-engine'
import type { KMeansAnswer, KMeansRequest, KMeansTask, KMeansWorkerArguments } from './protocol'

const readWhole = async (dump: FeatureDump): Promise<Float32Array> => {
  const values = new Float32Array(dump.frames * dump.dim)
  await dump.read(0, dump.frames, values)
  return values
}

const main = async (): Promise<void> => {
  const { framesPath, initPath, batchFrames, threads, inMemory } = JSON.parse(
    process.argv[2] ?? '{}',
  ) as KMeansWorkerArguments
  const engine = await startEngine({ contestant: 'ours', device: 'cpu', precision: 'float32', threads })
  const dump = await FeatureDump.open(framesPath)
  const source: FrameSource = inMemory ? arrayFrames(await readWhole(dump), dump.dim) : dump
  await using initial = await FeatureDump.open(initPath)
  const init = await readWhole(initial)
  const { dim } = source
  const clusters = init.length / dim

  const nearest = new Codebook(init, dim).nearest(dim)
  let spread: Spread | undefined

  const tasks: Record<KMeansTask, () => Promise<ArrayLike<number>>> = {
    // As in the second pass of a run and later ones: the frames' spread is known, all else is as in the first.
    iteration: async () => {
      const { sums, counts, spread: found } = await nearest.accumulate(source, spread ? { spread } : {})
      spread = found
      return sums.map((sum, i) => (counts[Math.floor(i / dim)]! > 0 ? sum / counts[Math.floor(i / dim)]! : init[i]!))
    },
    fit: async () => (await kMeans(source, { clusters, init, maxIterations: 1, tolerance: 0 })).codebook.centroids,
    minibatch: async () => {
      const updater = new MiniBatchUpdater({ centroids: Float64Array.from(init), dim, batchFrames })
      try {
        for await (const { data } of source.chunks(batchFrames)) await updater.update(data)
        return updater.centroids
      } finally {
        updater.dispose()
      }
    },
  }
  await serve<KMeansRequest>({ name: `Babble, ${engine.description}`, threads }, async ({ task }) => {
    const started = performance.now()
    const centroids = await tasks[task]()
    const seconds = (performance.now() - started) / 1000
    let sum = 0
    for (let i = 0; i < centroids.length; i++) sum += Math.abs(centroids[i]!)
    return {
      seconds,
      checksum: sum / centroids.length,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    } satisfies KMeansAnswer
  })
}

main().catch(decline)
