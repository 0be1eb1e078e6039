import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BatchPlanner } from './batch-planner'
import { manifestDataset } from './dataset'
import { readManifest } from './read-manifest'
import { writeLines, writeManifest } from './write-manifest'

/** 1,000 hours in utterances of 12.8 s. */
const lines = 281_250

describe('a corpus of 1,000 hours', () => {
  let folder: string
  const pathOf = (at: number) => {
    const [speaker, chapter] = [Math.floor(at / 1100), Math.floor(at / 48)]
    return `${speaker}/${chapter}/${speaker}-${chapter}-${String(at % 48).padStart(4, '0')}.flac`
  }
  const samplesOf = (at: number) => 150_000 + ((at * 7919) % 109_600)
  const textOf = (at: number) => `UTTERANCE ${at} ${'OF A LONG BOOK '.repeat(4 + (at % 9))}`.trim()
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-scale-'))
    const clips = function* () {
      for (let at = 0; at < lines; at++) yield { path: join(folder, pathOf(at)), samples: samplesOf(at) }
    }
    const texts = function* () {
      for (let at = 0; at < lines; at++) yield textOf(at)
    }
    await writeManifest(join(folder, 'train.tsv'), clips(), { format: 'fairseq' })
    await writeLines(join(folder, 'train.wrd'), texts())
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is opened with its transcripts, and its batches planned, in some 50 MB', async () => {
    const manifest = await readManifest(join(folder, 'train.tsv'), { textFrom: 'wrd' })
    const dataset = manifestDataset(manifest)
    expect(dataset.length).toBe(lines)
    expect(manifest.byteLength).toBeLessThan(50e6)
    for (const at of [0, 100_000, lines - 1]) {
      expect(manifest.clip(at)).toEqual({ path: join(folder, pathOf(at)), samples: samplesOf(at), text: textOf(at) })
    }
    const lengths = Uint32Array.from({ length: lines }, (_, index) => dataset.samples(index))
    const planner = new BatchPlanner(lengths, {
      maxSamples: 64 * 1_400_000,
      buckets: { maxPadding: 0.05 },
      multipleOf: 64,
      seed: 1,
    })
    expect(planner.bounds.length).toBeLessThan(12)
    expect(planner.paddingShare).toBeLessThan(0.05)
    expect(planner.batch(400, planner.batchesPerEpoch - 1).indices.length % 64).toBe(0)
    await dataset.close!()
  })
})
