import { AudioError, ConfigError, DataError, HostRng, type Recording } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { wav2vec2Tiny } from '../config'
import { Wav2Vec2FeatureExtractor } from '../feature-extractor'
import { frameCount } from '../geometry'
import { Wav2Vec2Processor } from '../processor'
import { Wav2Vec2CtcTokenizer } from '../tokenizer'
import { ctcBatches } from './ctc-batches'
import { pretrainingBatches } from './pretraining-batches'

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
  const tokenizer = Wav2Vec2CtcTokenizer.fromTexts(['one two'], { units: 'words' })
  const processor = new Wav2Vec2Processor(new Wav2Vec2FeatureExtractor(), tokenizer)
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
