import { HostRng } from '@babble/core'
import { type DigitRecording, digitWords } from '@babble/example-common'
import { describe, expect, it } from 'vitest'
import { everyNth, filledStrings, wholeStrings } from './strings'

const sampleRate = 8000

/** Ten takes of each digit by two speakers, each at a level of its own. */
const takes: DigitRecording[] = ['ann', 'bob'].flatMap((speaker) =>
  digitWords.flatMap((text, digit) =>
    Array.from({ length: 10 }, (_, take) => {
      const rng = new HostRng(take, speaker, digit)
      const waveform = Float32Array.from({ length: 1600 + 50 * take }, () => 0.01 * (1 + take) * rng.normal())
      return { path: `${speaker}/${text}_${take}.wav`, text, speaker, waveform, samples: waveform.length }
    }),
  ),
)
const words = (strings: readonly { text: string }[]) => strings.flatMap(({ text }) => text.split(' '))
const power = (waveform: Float32Array) => waveform.reduce((sum, value) => sum + value ** 2, 0) / waveform.length

describe('filledStrings', () => {
  const options = { sampleRate, samples: 8000, speeds: [1, 1.25], seed: 3 }
  const strings = filledStrings(takes, options)

  it('have one length, digits from their beginning to their end, and one speaker', () => {
    for (const { waveform, segments, text, speaker, path } of strings) {
      expect(waveform.length).toBe(8000)
      expect(segments[0]!.start).toBe(0)
      expect(segments.at(-1)!.end).toBe(1)
      for (let i = 1; i < segments.length; i++) expect(segments[i]!.start).toBe(segments[i - 1]!.end)
      expect(text).toBe(segments.map(({ label }) => label).join(' '))
      expect(path.startsWith(speaker)).toBe(true)
    }
  })

  it('say nearly all takes at each speed, at one loudness', () => {
    // 200 takes of 0.23 s on average; what is cut off and what does not fill a string is lost.
    const slow = strings.filter(({ path }) => path.includes('_100_'))
    expect(words(slow).length).toBeGreaterThan(0.9 * takes.length)
    expect(words(strings.filter(({ path }) => path.includes('_125_'))).length).toBeGreaterThan(0.9 * takes.length)
    for (const { waveform } of strings) expect(Math.abs(power(waveform) - 0.08 ** 2)).toBeLessThan(1e-4)
  })

  it('follow from the seed', () => {
    expect(filledStrings(takes, options)).toEqual(strings)
    expect(filledStrings(takes, { ...options, seed: 4 })).not.toEqual(strings)
  })
})

describe('wholeStrings', () => {
  it('say each take once at each speed, whole, by one speaker', () => {
    const strings = wholeStrings(takes, { sampleRate, digits: 4, speeds: [1], seed: 3 })
    expect(strings).toHaveLength(50)
    expect(words(strings).sort()).toEqual(takes.map(({ text }) => text).sort())
    const all = takes.reduce((sum, { waveform }) => sum + waveform.length, 0)
    expect(strings.reduce((sum, { waveform }) => sum + waveform.length, 0)).toBe(all)
    for (const { segments, samples } of strings) {
      expect(segments).toHaveLength(4)
      expect(segments.at(-1)!.end).toBe(samples / sampleRate)
    }
  })
})

describe('everyNth', () => {
  it('takes as many of each digit by each speaker', () => {
    const tenth = everyNth(takes, 10)
    expect(tenth).toHaveLength(20)
    expect(new Set(tenth.map(({ speaker, text }) => `${speaker} ${text}`)).size).toBe(20)
  })
})
