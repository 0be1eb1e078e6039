import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../audio/index'
import { readManifest, writeManifest } from '../data/index'
import { dumpFeatures } from '../plugin/index'
import { dumpLabels } from './dump-labels'
import { concatenateDumps, FeatureDump } from './feature-dump'
import { openFrameLabels } from './frame-labels'
import { miniBatchKMeans } from './mini-batch-k-means'
import { writeFeatureDump } from './write-feature-dump'

const [few, many] = [500, 10_000]
const [hop, dim] = [32, 64]

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The most memory that is in use, without garbage, in bytes: looked at once in `period` calls. */
const watch = (period: number) => {
  let calls = 0
  const watched = {
    largest: 0,
    look: (): void => {
      if (calls++ % period !== 0) return
      // The first only begins to free the memory of arrays.
      collect()
      collect()
      const { heapUsed, external } = process.memoryUsage()
      watched.largest = Math.max(watched.largest, heapUsed + external)
    },
  }
  return watched
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-clustering-memory-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('memory for features', () => {
  /** Frames of 64 samples, a new one for each 32. */
  const source = {
    name: 'toy',
    sampleRate: 16000,
    dim,
    hopSamples: hop,
    minSamples: dim,
    batchSize: 8,
    extract: async (waveforms: readonly Float32Array[]) =>
      waveforms.map((waveform) => {
        const frames = Math.floor((waveform.length - dim) / hop) + 1
        const data = new Float32Array(frames * dim)
        for (let frame = 0; frame < frames; frame++) {
          data.set(waveform.subarray(frame * hop, frame * hop + dim), frame * dim)
        }
        return { data, frames, dim }
      }),
    dispose: () => {},
  }

  it('is flat in the number of clips: 10,000 take what 500 take', async () => {
    for (let file = 0; file < 20; file++) {
      const samples = Float32Array.from({ length: 1632 }, (_, i) => Math.sin(i * (0.01 + file / 50)))
      await writeFile(join(folder, `${file}.wav`), encodeWav(samples, 16000))
    }
    const largest: number[] = []
    for (const clips of [few, many]) {
      const clip = (at: number) => ({ path: join(folder, `${at % 20}.wav`), samples: 1632 })
      await writeManifest(
        join(folder, 'train.tsv'),
        Array.from({ length: clips }, (_, at) => clip(at)),
        {
          format: 'fairseq',
        },
      )
      const manifest = await readManifest(join(folder, 'train.tsv'))
      const watched = watch(100)
      const listener = { note: () => {}, progress: watched.look }
      const { file, frames } = await dumpFeatures(source, manifest, { output: join(folder, String(clips)) }, listener)
      expect(frames).toBe(clips * 50)
      expect((await stat(file)).size).toBeGreaterThan(clips * 50 * dim * 4)
      largest.push(watched.largest)
    }
    // All features are 128 MB, all waveforms 65 MB.
    expect(largest[1]! - largest[0]!).toBeLessThan(10e6)
  })
})

// Which engine makes no difference to what is kept of files.
describe.each(enginesUnderTest().slice(-1))('memory for clusters and labels on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('is flat in the number of clips: 10,000 take what 500 take', async () => {
    const [length, dim] = [250, 4]
    const largest: number[] = []
    let tensors = 0
    for (const clips of [few, many]) {
      const utterances = function* () {
        const data = Float32Array.from({ length: length * dim }, (_, i) => Math.sin(i * i))
        for (let clip = 0; clip < clips; clip++) yield { data, frames: length, dim }
      }
      await writeFeatureDump(join(folder, 'large'), utterances())
      await using dump = await FeatureDump.open(join(folder, 'large'))
      const [clustering, labelling, reading] = [watch(20), watch(20), watch(1000)]
      const { codebook } = await miniBatchKMeans(concatenateDumps([dump]), {
        clusters: 8,
        initRuns: 1,
        initFrames: 2000,
        batchFrames: 10_000,
        chunkFrames: 10_000,
        epochs: 1,
        maxNoImprovement: null,
        onStep: clustering.look,
      })
      const path = join(folder, 'train.km')
      await dumpLabels(codebook, [dump], path, { chunkFrames: 10_000, onProgress: labelling.look })
      await using labels = await openFrameLabels(path)
      for (let utterance = 0; utterance < clips; utterance++) {
        expect((await labels.read(utterance)).length).toBe(length)
        reading.look()
      }
      largest.push(...[clustering, labelling, reading].map((watched) => watched.largest))
      if (clips === few) tensors = tf.memory().numTensors
    }
    // All features are 40 MB, all labels 10 MB, and their text 5 MB.
    for (let stage = 0; stage < 3; stage++) expect(largest[3 + stage]! - largest[stage]!).toBeLessThan(3e6)
    expect(tf.memory().numTensors).toBe(tensors)
  })
})
