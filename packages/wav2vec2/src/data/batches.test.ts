import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AudioError,
  ConfigError,
  CtcTokenizer,
  ctcBatches,
  DataError,
  encodeWav,
  frameCount,
  HostRng,
  loadRecordings,
  manifestDataset,
  type Recording,
  readManifest,
  SpeechFeatureExtractor,
  SpeechProcessor,
  writeManifest,
} from '@babble/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wav2vec2Tiny } from '../config'
import { cutPretrainingBatch, pretrainingBatches } from './pretraining-batches'

const record = (path: string, samples: number, text = 'one'): Recording => {
  const rng = new HostRng(samples)
  return { path, text, samples, waveform: Float32Array.from({ length: samples }, () => 0.3 + 0.1 * rng.normal()) }
}

const recordings = Array.from({ length: 11 }, (_, at) => record(`${at}.wav`, 8000 + 1000 * at))
const config = wav2vec2Tiny({ numNegatives: 7 })
const rows = <T extends Float32Array | Int32Array>(data: T, width: number): T[] =>
  Array.from({ length: data.length / width }, (_, row) => data.subarray(row * width, (row + 1) * width) as T)

describe('pretrainingBatches', () => {
  const source = pretrainingBatches(recordings, { config, batchSize: 3, buckets: 2, seed: 1 })
  const first = source.batch(0, 0) as Exclude<ReturnType<typeof source.batch>, Promise<unknown>>

  it('has shapes that repeat: one a bucket', () => {
    const shapes = new Set<string>()
    for (let epoch = 0; epoch < 4; epoch++) {
      for (let index = 0; index < source.batchesPerEpoch(epoch); index++) {
        shapes.add(JSON.stringify((source.batch(epoch, index) as typeof first).inputValues.shape))
      }
    }
    expect([...shapes].sort()).toEqual(['[3,13000]', '[3,8000]'])
  })

  it('is cut into parts whose distractors are the same frames', () => {
    const parts = cutPretrainingBatch(first, 3)
    const [, frames, distractors] = first.sampledNegativeIndices.shape as [number, number, number]
    parts.forEach(({ inputValues, maskTimeIndices, sampledNegativeIndices }, row) => {
      const samples = first.inputValues.shape[1]!
      expect([...inputValues!.data]).toEqual([...rows(first.inputValues.data, samples)[row]!])
      const whole = rows(first.sampledNegativeIndices.data, frames * distractors)[row]!
      const masked = rows(first.maskTimeIndices.data, frames)[row]!
      expect([...maskTimeIndices!.data]).toEqual([...masked])
      sampledNegativeIndices!.data.forEach((frame, at) => {
        const isMasked = masked[Math.floor(at / distractors)] === 1
        expect(frame).toBe(isMasked ? whole[at]! - row * frames : 0)
      })
    })
    expect(source.cut!(first, 3)).toEqual(parts)
  })

  it('is a pure function of seed, epoch and index', () => {
    const again = pretrainingBatches(recordings, { config, batchSize: 3, buckets: 2, seed: 1 })
    again.batch(3, 1)
    expect(again.batch(0, 0)).toEqual(first)
    expect(source.batch(1, 0)).not.toEqual(first)
    expect(pretrainingBatches(recordings, { config, batchSize: 3, buckets: 2, seed: 2 }).batch(0, 0)).not.toEqual(first)
  })

  it('masks equally many valid frames of each utterance, about half of them', () => {
    const padded = pretrainingBatches(recordings, { config, batchSize: 4, seed: 5, fit: 'pad' })
    const { maskTimeIndices, attentionMask } = padded.batch(0, 0) as typeof first
    const frames = maskTimeIndices.shape[1]!
    const counts = rows(maskTimeIndices.data as Int32Array, frames).map((row) => row.reduce((sum, on) => sum + on, 0))
    expect(new Set(counts).size).toBe(1)
    expect(counts[0]! / frames).toBeGreaterThan(0.2)
    const valid = rows(attentionMask.data as Int32Array, attentionMask.shape[1]!).map((row) =>
      frameCount(
        config,
        row.reduce((sum, on) => sum + on, 0),
      ),
    )
    expect(Math.min(...valid)).toBeLessThan(frames)
    rows(maskTimeIndices.data as Int32Array, frames).forEach((row, item) => {
      expect(row.lastIndexOf(1)).toBeLessThan(valid[item]!)
    })
  })

  it('draws distractors from the other masked frames of the same utterance', () => {
    const { maskTimeIndices, sampledNegativeIndices } = first
    const masked = maskTimeIndices.data
    const frames = maskTimeIndices.shape[1]!
    rows(sampledNegativeIndices.data as Int32Array, 7).forEach((negatives, at) => {
      for (const negative of negatives) {
        if (masked[at] === 0) expect(negative).toBe(0)
        else {
          expect(masked[negative]).toBe(1)
          expect(negative).not.toBe(at)
          expect(Math.floor(negative / frames)).toBe(Math.floor(at / frames))
        }
      }
    })
  })

  it('normalises before it crops, and crops long utterances at random places', () => {
    const long = [record('long.wav', 50_000)]
    const cropped = pretrainingBatches(long, { config, batchSize: 1, seed: 3, cropSamples: 10_000 })
    const [a, b] = [cropped.batch(0, 0) as typeof first, cropped.batch(1, 0) as typeof first]
    expect(a.inputValues.shape).toEqual([1, 10_000])
    expect(a.inputValues.data).not.toEqual(b.inputValues.data)
    const mean = [...a.inputValues.data].reduce((sum, value) => sum + value, 0) / 10_000
    expect(Math.abs(mean)).toBeLessThan(0.1)
    expect(cropped.audioSeconds!(a)).toBe(10_000 / 16_000)
  })

  it('names the recording that is too short or not finite', () => {
    const make = (bad: Recording) => () => pretrainingBatches([...recordings, bad], { config, batchSize: 2, seed: 0 })
    expect(make(record('short.wav', 399))).toThrow(AudioError)
    expect(make(record('short.wav', 399))).toThrow(/short\.wav.*399 samples.*400/)
    const broken = record('broken.wav', 1000)
    broken.waveform[17] = Number.NaN
    expect(make(broken)).toThrow(/broken\.wav: sample 17 is NaN/)
  })

  it('refuses a configuration without masks', () => {
    expect(() =>
      pretrainingBatches(recordings, { config: wav2vec2Tiny({ maskTimeProb: 0 }), batchSize: 2, seed: 0 }),
    ).toThrow(ConfigError)
  })
})

describe('ctcBatches', () => {
  const tokenizer = CtcTokenizer.fromTexts(['one two'], { units: 'words' })
  const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
  const ctcConfig = wav2vec2Tiny({ vocabSize: 4, maskTimeProb: 0.3, maskFeatureProb: 0.2 })
  const labelled = [record('a.wav', 8000, 'one two two'), record('b.wav', 9000, 'two'), record('c.wav', 7000, '')]
  const source = ctcBatches(labelled, processor, { config: ctcConfig, batchSize: 3, seed: 0, shuffle: false })
  const batch = source.batch(0, 0) as Exclude<ReturnType<typeof source.batch>, Promise<unknown>>

  it('pads labels with -100 and samples with zeros', () => {
    expect(batch.labels.shape).toEqual([3, 3])
    expect([...batch.labels.data]).toEqual([2, 3, 3, 3, -100, -100, -100, -100, -100])
    expect(batch.inputValues.shape).toEqual([3, 9000])
    expect(source.audioSeconds!(batch)).toBe(24_000 / 16_000)
  })

  it('has masks in training only', () => {
    expect(batch.maskTimeIndices!.shape).toEqual([3, frameCount(ctcConfig, 9000)])
    expect(batch.maskFeatureIndices!.shape).toEqual([3, ctcConfig.hiddenSize])
    expect(Math.max(...batch.maskFeatureIndices!.data)).toBe(1)
    const evaluation = ctcBatches(labelled, processor, { config: ctcConfig, batchSize: 3, seed: 0, augment: false })
    expect(Object.keys(evaluation.batch(0, 0)).sort()).toEqual(['attentionMask', 'inputValues', 'labels'])
  })

  it.each([
    ['text outside the vocabulary', record('x.wav', 8000, 'three'), /x\.wav: "three"/],
    ['no text', { ...record('x.wav', 8000), text: undefined } as unknown as Recording, /x\.wav: it has no text/],
    [
      'more labels than frames',
      record('x.wav', 1000, 'one one one'),
      /x\.wav: its 3 labels need 5 frames, but it has 2/,
    ],
  ])('names the recording with %s', (_, bad, message) => {
    const make = () => ctcBatches([bad], processor, { config: ctcConfig, batchSize: 1, seed: 0 })
    expect(make).toThrow(DataError)
    expect(make).toThrow(message)
  })

  it('refuses a vocabulary that the model has no units for, or another blank', () => {
    const make = (fields: object) => () =>
      ctcBatches(labelled, processor, { config: wav2vec2Tiny(fields), batchSize: 1, seed: 0 })
    expect(make({ vocabSize: 3 })).toThrow(/4 units/)
    expect(make({ padTokenId: 3 })).toThrow(/blank is 0/)
  })
})

describe('batches of recordings on disk', () => {
  const tokenizer = CtcTokenizer.fromTexts(['one two'], { units: 'words' })
  const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
  const ctcConfig = wav2vec2Tiny({ vocabSize: 4, maskTimeProb: 0.3 })
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-batches-'))
    const clips = recordings.map(({ path, text, samples }) => ({ path: join(folder, path), text: text!, samples }))
    for (const { path, waveform } of recordings) await writeFile(join(folder, path), encodeWav(waveform, 16000))
    await writeManifest(join(folder, 'train.jsonl'), clips)
  })
  afterAll(() => rm(folder, { recursive: true }))
  const open = async () => {
    const manifest = await readManifest(join(folder, 'train.jsonl'))
    return { inMemory: (await loadRecordings(manifest)).recordings, onDisk: manifestDataset(manifest) }
  }

  it('are those of recordings in memory, bit for bit', async () => {
    const { inMemory, onDisk } = await open()
    const pretraining = { config, batchSize: 3, buckets: 2, seed: 1 }
    const finetuning = { config: ctcConfig, batchSize: 4, buckets: 2, seed: 1 }
    const pairs = [
      [pretrainingBatches(onDisk, pretraining), pretrainingBatches(inMemory, pretraining)],
      [ctcBatches(onDisk, processor, finetuning), ctcBatches(inMemory, processor, finetuning)],
    ] as const
    for (const [disk, memory] of pairs) {
      expect(disk.batchesPerEpoch(3)).toBe(memory.batchesPerEpoch(3))
      for (let index = 0; index < disk.batchesPerEpoch(3); index++) {
        expect(await disk.batch(3, index)).toEqual(await memory.batch(3, index))
      }
      await disk.close!()
    }
  })

  it('name the file that has gone or changed', async () => {
    const { onDisk } = await open()
    await writeFile(join(folder, '4.wav'), encodeWav(new Float32Array(4000).fill(0.1), 16000))
    await rm(join(folder, '7.wav'))
    const source = pretrainingBatches(onDisk, { config, batchSize: 1, seed: 1, shuffle: false, fit: 'pad' })
    await expect(source.batch(0, 4)).rejects.toThrow(
      /4\.wav: it has 4000 samples at 16000 Hz, but its manifest says 12000/,
    )
    await expect(source.batch(0, 7)).rejects.toThrow(/7\.wav: There is no such file/)
    await source.close!()
  })
})

describe('several processes', () => {
  it('make together what one makes alone, cut into micro-batches or not', () => {
    const options = { config, batchSize: 6, buckets: 2, seed: 9, fit: 'pad' as const }
    const alone = pretrainingBatches(recordings, options)
    const shares = [0, 1, 2].map((rank) => pretrainingBatches(recordings, { ...options, rank, worldSize: 3 }))
    type Batch = Exclude<ReturnType<typeof alone.batch>, Promise<unknown>>
    const join = (parts: readonly Readonly<Record<string, { data: ArrayLike<number> }>>[]) =>
      Object.fromEntries(
        Object.keys(parts[0]!).map((name) => [name, parts.flatMap((part) => [...Array.from(part[name]!.data)])]),
      )
    const whole = alone.batch(2, 1) as Batch
    const parts = shares.map((share) => share.batch(2, 1) as Batch)
    expect(join(parts)).toEqual(join([whole]))
    // A micro-batch is a part of each process's share; its distractors are still frames of their own utterance that are masked.
    const micro = parts.map((part, rank) => shares[rank]!.cut!(part, 2)[1]!)
    const masked = micro.flatMap(({ maskTimeIndices }) => [...maskTimeIndices!.data])
    const frames = micro[0]!.maskTimeIndices!.shape[1]!
    const negatives = micro.flatMap(({ sampledNegativeIndices }) => [...sampledNegativeIndices!.data])
    negatives.forEach((negative, at) => {
      const frame = Math.floor(at / 7)
      if (masked[frame] === 0) expect(negative).toBe(0)
      else {
        expect(masked[negative]).toBe(1)
        expect(negative).not.toBe(frame)
        expect(Math.floor(negative / frames)).toBe(Math.floor(frame / frames))
      }
    })
  })

  it('refuse batches that cannot be shared', () => {
    const make = (fields: object) => () => pretrainingBatches(recordings, { config, batchSize: 4, seed: 0, ...fields })
    expect(make({ rank: 0, worldSize: 3 })).toThrow(ConfigError)
    expect(make({ rank: 2, worldSize: 2 })).toThrow(ConfigError)
    expect(make({ worldSize: 4, multipleOf: 2 })).toThrow(/no multiple of worldSize/)
  })
})
