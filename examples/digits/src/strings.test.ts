import { HostRng } from '@babble/core'
import { type DigitRecording, digitProcessor, digitWords } from '@babble/example-common'
import { describe, expect, it } from 'vitest'
import { demoSchedule, demoSettings } from './settings'
import { labelledStrings, pretrainingStrings, tenthOf } from './strings'
import { noAugmentation, Voices } from './voices'

const { config } = demoSettings(true)
const sampleRate = 8000

/** Ten takes of each digit by two speakers: a tone of its own for each digit. */
const recordings: DigitRecording[] = ['ann', 'bob'].flatMap((speaker) =>
  digitWords.flatMap((text, digit) =>
    Array.from({ length: 10 }, (_, take) => {
      const rng = new HostRng(take, speaker, digit)
      const waveform = Float32Array.from(
        { length: 1600 + 50 * take },
        (_, i) => Math.sin(i * (0.1 + 0.1 * digit)) + 0.01 * rng.normal(),
      )
      return { path: `${speaker}/${text}_${take}.wav`, text, speaker, waveform, samples: waveform.length }
    }),
  ),
)
const voices = new Voices(recordings, sampleRate)
const shared = { voices, config, batchSize: 3, samples: 8000, seed: 5, augmentation: noAugmentation }

describe('pretrainingStrings', () => {
  const source = pretrainingStrings(shared)

  it('fills examples of one shape, a pure function of seed, epoch and index', async () => {
    const first = await source.batch(2, 1)
    expect(first.inputValues.shape).toEqual([3, 8000])
    expect(await pretrainingStrings(shared).batch(2, 1)).toEqual(first)
    expect(await source.batch(2, 2)).not.toEqual(first)
    expect(await pretrainingStrings({ ...shared, seed: 6 }).batch(2, 1)).not.toEqual(first)
    expect(source.audioSeconds!(first)).toBe(3)
  })

  it('leaves no example silent at its end', async () => {
    const { inputValues } = await source.batch(0, 0)
    for (let row = 0; row < 3; row++) {
      const end = inputValues.data.subarray(row * 8000 + 7900, (row + 1) * 8000)
      expect(Math.max(...end)).toBeGreaterThan(0.1)
    }
  })
})

describe('labelledStrings', () => {
  const processor = digitProcessor(sampleRate)
  const ctc = { ...config, vocabSize: processor.tokenizer.vocabSize, maskTimeProb: 0 }
  const source = labelledStrings({ ...shared, config: ctc, processor, mostDigits: 3 })

  it('has labels of one width for all batches, and never more digits than fit', async () => {
    const counts = new Set<number>()
    for (let index = 0; index < 12; index++) {
      const { labels } = await source.batch(0, index)
      expect(labels.shape).toEqual([3, 3])
      for (let row = 0; row < 3; row++) {
        const written = labels.data.subarray(3 * row, 3 * row + 3)
        counts.add(written.filter((label) => label >= 0).length)
        expect([...written].join()).not.toMatch(/-100,\d/)
      }
    }
    expect([...counts].sort()).toEqual([1, 2, 3])
  })

  it('names what is heard', async () => {
    const single = labelledStrings({ ...shared, config: ctc, processor, mostDigits: 1 })
    const { labels, inputValues } = await single.batch(0, 0)
    for (let row = 0; row < 3; row++) {
      const digit = digitWords.indexOf(processor.decode([labels.data[row]!]) as (typeof digitWords)[number])
      // Half the turns of the digit's tone are crossings of zero.
      const samples = inputValues.data.subarray(row * 8000, row * 8000 + 1600)
      let crossings = 0
      for (let i = 1; i < samples.length; i++) if (samples[i - 1]! < 0 !== samples[i]! < 0) crossings++
      expect(Math.round((crossings * Math.PI) / 1600 / 0.1)).toBe(digit + 1)
    }
  })

  it('says when no recording fits', async () => {
    const short = labelledStrings({ ...shared, config: ctc, processor, mostDigits: 1, samples: 1000 })
    await expect(async () => short.batch(0, 0)).rejects.toThrow(/fits into 0\.13 s/)
  })
})

describe('tenthOf', () => {
  it('takes one of ten, of each speaker and digit', () => {
    const tenth = tenthOf(recordings)
    expect(new Set(tenth.map(({ speaker, text }) => `${speaker} ${text}`)).size).toBe(20)
    expect(tenth.length).toBe(20)
  })
})

describe('Voices', () => {
  it('plays faster and higher, at zero mean and unit variance', () => {
    const normal = voices.at(0, 1)
    const fast = voices.at(0, 1.25)
    expect(fast.length).toBe(Math.ceil(normal.length / 1.25))
    for (const waveform of [normal, fast]) {
      const mean = waveform.reduce((sum, value) => sum + value, 0) / waveform.length
      const power = waveform.reduce((sum, value) => sum + value ** 2, 0) / waveform.length
      expect(Math.abs(mean)).toBeLessThan(1e-4)
      expect(power).toBeCloseTo(1, 4)
    }
    expect(voices.at(0, 1.25)).toBe(fast)
  })
})

describe('demoSchedule', () => {
  it('rises, holds and falls', () => {
    const schedule = demoSchedule(100)
    const [start, risen, held, fallen, last] = [1, 11, 50, 76, 101].map(schedule) as [
      number,
      number,
      number,
      number,
      number,
    ]
    expect(start).toBeLessThan(0.2)
    expect([risen, held]).toEqual([1, 1])
    expect(fallen).toBeLessThan(0.5)
    expect(last).toBe(0.05)
  })
})
