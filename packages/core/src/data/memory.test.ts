import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../audio/index'
import { BatchCursor } from './batch-cursor'
import { BatchPlanner } from './batch-planner'
import { type BatchSource, floatArray } from './batch-source'
import { loadRows, manifestDataset } from './dataset'
import { readManifest } from './read-manifest'
import { writeManifest } from './write-manifest'

const clips = 10_000
const files = 50

describe('memory over an epoch', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-memory-'))
    const lengths = Array.from({ length: files }, (_, at) => 6000 + 100 * at)
    for (const [at, length] of lengths.entries()) {
      await writeFile(join(folder, `${at}.wav`), encodeWav(new Float32Array(length).fill(0.25), 16000))
    }
    const entries = Array.from({ length: clips }, (_, at) => ({
      path: join(folder, `${at % files}.wav`),
      samples: lengths[at % files]!,
    }))
    await writeManifest(join(folder, 'train.tsv'), entries, { format: 'fairseq' })
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is flat: 10,000 recordings decoded by threads leave nothing behind', async () => {
    const dataset = manifestDataset(await readManifest(join(folder, 'train.tsv')))
    const lengths = Array.from({ length: dataset.length }, (_, index) => dataset.samples(index))
    const planner = new BatchPlanner(lengths, { batchSize: 50, buckets: 4, seed: 1 })
    const source: BatchSource = {
      name: 'memory',
      readAhead: 4,
      batchesPerEpoch: () => planner.batchesPerEpoch,
      batch: (epoch, index, signal) => {
        const { indices, paddedLength } = planner.batch(epoch, index)
        const requests = indices.map((item) => ({ index: item, ...(signal ? { signal } : {}) }))
        return loadRows(dataset, requests, (waveforms) => {
          const values = new Float32Array(indices.length * paddedLength)
          for (const [row, waveform] of waveforms.entries()) values.set(waveform, row * paddedLength)
          return { inputValues: floatArray(values, [indices.length, paddedLength]) }
        })
      },
      close: () => dataset.close!(),
    }
    const cursor = new BatchCursor(source)
    const heard = new Set<number>()
    const resident: number[] = []
    let samples = 0
    for (let taken = 0; taken < planner.batchesPerEpoch; taken++) {
      cursor.prefetch()
      const { index, batch } = await cursor.take()
      heard.add(index)
      for (const value of batch.inputValues!.data) if (value !== 0) samples++
      if (taken % 20 === 19) resident.push(process.memoryUsage.rss())
    }
    await cursor.close()
    expect(heard.size).toBe(200)
    expect(samples).toBe(lengths.reduce((sum, length) => sum + length, 0))
    // From a quarter to three quarters of the epoch 170 MB of samples are decoded, and as much is made into batches: whatever was kept of
    // them would show.
    expect(Math.min(...resident.slice(7)) - Math.max(...resident.slice(1, 4))).toBeLessThan(80e6)
  })
})
