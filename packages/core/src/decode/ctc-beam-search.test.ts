import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { readSafetensors, toFloat32 } from '../checkpoint/index'
import { DataError } from '../errors'
import { ctcBeamSearch } from './ctc-beam-search'

const fixture = (name: string) => new URL(`../../fixtures/ctc-beam-search/${name}`, import.meta.url).pathname

const logSoftmax = (logits: Float32Array, size: number) => {
  const out = new Float64Array(logits.length)
  for (let at = 0; at < logits.length; at += size) {
    const row = logits.subarray(at, at + size)
    const sum = Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0))
    row.forEach((logit, i) => {
      out[at + i] = logit - sum
    })
  }
  return out
}

describe('ctcBeamSearch', () => {
  it('gives the texts and scores of the reference prefix beam search', async () => {
    const config = JSON.parse(await readFile(fixture('config.json'), 'utf8')) as {
      cases: number
      beam_width_nolm: number
      labels_nolm: string[]
    }
    const texts = JSON.parse(await readFile(fixture('expected_texts.json'), 'utf8')) as Record<string, string[]>
    const { tensors: inputs } = await readSafetensors(fixture('inputs.safetensors'))
    const { tensors: expected } = await readSafetensors(fixture('expected.safetensors'))
    for (let i = 0; i < config.cases; i++) {
      const logits = inputs.get(`logits.${i}`)!
      const found = ctcBeamSearch(logSoftmax(toFloat32(logits), logits.shape[1]!), {
        vocabularySize: logits.shape[1]!,
        beamWidth: config.beam_width_nolm,
        nBest: 5,
      })
      expect(found.map(({ tokenIds }) => tokenIds.map((id) => config.labels_nolm[id]).join(''))).toEqual(
        texts[`textbook.${i}`],
      )
      const scores = toFloat32(expected.get(`textbook.${i}.score`)!)
      found.forEach(({ score }, k) => {
        expect(Math.abs(score - scores[k]!)).toBeLessThan(1e-6 * Math.abs(score))
      })
    }
  })

  it('adds up the alignments of a text that is not on the best path', () => {
    // Two frames, blank 0.6 and a 0.4 each: the best path is blank, but "a" has 0.4 * 0.6 * 2 + 0.4 * 0.4 = 0.64.
    const logProbs = Float64Array.of(0.6, 0.4, 0.6, 0.4).map(Math.log)
    const found = ctcBeamSearch(logProbs, { vocabularySize: 2, nBest: 3 })
    expect(found.map(({ tokenIds }) => tokenIds)).toEqual([[1], []])
    expect(Math.exp(found[0]!.score)).toBeCloseTo(0.64, 14)
    expect(Math.exp(found[1]!.score)).toBeCloseTo(0.36, 14)
  })

  it('sums to probability 1 over all texts, wherever the blank is', () => {
    const logits = Float32Array.from({ length: 6 * 3 }, (_, i) => Math.sin(i * 1.7) * 2)
    for (const blankId of [0, 1, 2]) {
      const found = ctcBeamSearch(logSoftmax(logits, 3), {
        vocabularySize: 3,
        blankId,
        beamWidth: 10_000,
        nBest: 10_000,
      })
      expect(found.reduce((sum, { score }) => sum + Math.exp(score), 0)).toBeCloseTo(1, 12)
      expect(new Set(found.map(({ tokenIds }) => tokenIds.join())).size).toBe(found.length)
      expect(found.every(({ tokenIds }) => !tokenIds.includes(blankId))).toBe(true)
    }
  })

  it('reads no frames as no text, and impossible tokens never', () => {
    expect(ctcBeamSearch(new Float32Array(0), { vocabularySize: 4 })).toEqual([{ tokenIds: [], score: 0 }])
    const logProbs = Float32Array.of(-Infinity, -Infinity, 0, -Infinity, 0, -Infinity)
    expect(ctcBeamSearch(logProbs, { vocabularySize: 3, nBest: 9 })).toEqual([{ tokenIds: [2, 1], score: 0 }])
  })

  it('refuses part of a frame, NaN, and options out of range', () => {
    expect(() => ctcBeamSearch(new Float32Array(5), { vocabularySize: 3 })).toThrow(DataError)
    expect(() => ctcBeamSearch(Float32Array.of(0, Number.NaN), { vocabularySize: 2 })).toThrow(
      'token 1 is NaN in frame 0',
    )
    expect(() => ctcBeamSearch(new Float32Array(3), { vocabularySize: 3, blankId: 3 })).toThrow('blankId is 3')
    expect(() => ctcBeamSearch(new Float32Array(3), { vocabularySize: 3, beamWidth: 0 })).toThrow('beamWidth is 0')
  })
})
