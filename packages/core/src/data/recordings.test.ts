import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../audio/index'
import { DataError } from '../errors'
import { loadRecordings } from './recordings'

describe('loadRecordings', () => {
  let folder: string
  const clip = (name: string, text = name) => ({ path: join(folder, name), text })
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-recordings-'))
    for (const [name, samples] of [
      ['a.wav', 800],
      ['short.wav', 10],
      ['long.wav', 5000],
      ['b.wav', 1600],
    ] as const) {
      await writeFile(join(folder, name), encodeWav(new Float32Array(samples).fill(0.5), 16000))
    }
    await writeFile(join(folder, 'text.wav'), 'this is no recording')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('loads in order, and lists what it leaves out with the reason', async () => {
    const clips = ['b.wav', 'short.wav', 'missing.wav', 'a.wav', 'text.wav', 'long.wav'].map((name) => clip(name))
    const done: number[] = []
    const { recordings, skipped } = await loadRecordings(clips, {
      minSamples: 100,
      maxSamples: 4000,
      concurrency: 3,
      onProgress: (count, total) => done.push(count / total),
    })
    expect(recordings.map(({ text, samples, waveform }) => [text, samples, waveform.length])).toEqual([
      ['b.wav', 1600, 1600],
      ['a.wav', 800, 800],
    ])
    expect(recordings[0]!.waveform[0]).toBeCloseTo(0.5, 3)
    expect(skipped.map(({ path }) => path)).toEqual(
      ['short.wav', 'missing.wav', 'text.wav', 'long.wav'].map((name) => join(folder, name)),
    )
    expect(skipped[0]!.reason).toBe('10 samples, fewer than 100')
    expect(skipped[3]!.reason).toBe('5000 samples, more than 4000')
    expect(done).toHaveLength(6)
    expect(done.at(-1)).toBe(1)
  })

  it('resamples to the rate asked for', async () => {
    const { recordings } = await loadRecordings([clip('a.wav')], { sampleRate: 8000 })
    expect(recordings[0]!.samples).toBe(400)
  })

  it('fails when nothing can be used, naming the first reason', async () => {
    await expect(loadRecordings([clip('missing.wav')])).rejects.toThrow(DataError)
    await expect(loadRecordings([clip('missing.wav')])).rejects.toThrow(/missing\.wav/)
    await expect(loadRecordings([])).rejects.toThrow(DataError)
  })
})
