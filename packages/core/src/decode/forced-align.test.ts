import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { forcedAlign } from './forced-align'

const noise = (frames: number, size: number, seed: number) => {
  const logits = Float64Array.from({ length: frames * size }, (_, i) => 3 * Math.sin((i + 1) * 12.9898 * seed))
  for (let at = 0; at < logits.length; at += size) {
    const row = logits.subarray(at, at + size)
    const sum = Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0))
    row.forEach((logit, i) => {
      row[i] = logit - sum
    })
  }
  return logits
}

/** The best path to the tokens among all there are. */
const bestOfAll = (logProbs: Float64Array, tokens: readonly number[], size: number, blankId: number) => {
  const frames = logProbs.length / size
  let best = Number.NEGATIVE_INFINITY
  for (let path = 0; path < size ** frames; path++) {
    const collapsed: number[] = []
    let score = 0
    let last = -1
    for (let frame = 0, rest = path; frame < frames; frame++, rest = Math.floor(rest / size)) {
      const token = rest % size
      score += logProbs[frame * size + token]!
      if (token !== blankId && token !== last) collapsed.push(token)
      last = token
    }
    if (collapsed.join() === tokens.join()) best = Math.max(best, score)
  }
  return best
}

describe('forcedAlign', () => {
  it('finds the best of all paths that collapse to the tokens', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 1), { maxLength: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 1000 }),
        (tokens, frames, seed) => {
          const logProbs = noise(frames, 3, seed)
          const best = bestOfAll(logProbs, tokens, 3, 2)
          if (best === Number.NEGATIVE_INFINITY) {
            expect(() => forcedAlign(logProbs, tokens, { vocabularySize: 3, blankId: 2 })).toThrow('do not fit into')
            return
          }
          const { path, score, tokens: spans } = forcedAlign(logProbs, tokens, { vocabularySize: 3, blankId: 2 })
          expect(score).toBeCloseTo(best, 12)
          expect(path.filter((token, i) => token !== 2 && token !== path[i - 1])).toEqual(Int32Array.from(tokens))
          expect(spans.map(({ tokenId }) => tokenId)).toEqual(tokens)
          for (const { tokenId, startFrame, endFrame } of spans) {
            expect(path.subarray(startFrame, endFrame).every((token) => token === tokenId)).toBe(true)
          }
        },
      ),
      { numRuns: 200, seed: 1 },
    )
  })

  it('gives each token its frames and their log probability', () => {
    const logProbs = Float64Array.of(0.1, 0.9, 0.2, 0.8, 0.7, 0.3, 0.4, 0.6).map(Math.log)
    const { tokens, path } = forcedAlign(logProbs, [1, 1], { vocabularySize: 2 })
    expect([...path]).toEqual([1, 1, 0, 1])
    expect(tokens).toMatchObject([
      { tokenId: 1, startFrame: 0, endFrame: 2 },
      { tokenId: 1, startFrame: 3, endFrame: 4 },
    ])
    expect(Math.exp(tokens[0]!.logProb)).toBeCloseTo(0.72, 14)
  })

  it('aligns recordings too long for all steps to be kept at once as short ones', () => {
    const frames = 6000
    const tokens = Int32Array.from({ length: 1500 }, (_, i) => 1 + ((i * 7) % 3))
    const logProbs = noise(frames, 4, 3)
    const { path, score, tokens: spans } = forcedAlign(logProbs, tokens, { vocabularySize: 4 })
    expect(spans.map(({ tokenId }) => tokenId)).toEqual([...tokens])
    expect(path).toHaveLength(frames)
    // The score without steps: the same recurrence by itself.
    const labels = Array.from({ length: 2 * tokens.length + 1 }, (_, s) => (s % 2 === 0 ? 0 : tokens[(s - 1) / 2]!))
    let alpha = labels.map((label, s) => (s < 2 ? logProbs[label]! : Number.NEGATIVE_INFINITY))
    for (let frame = 1; frame < frames; frame++) {
      alpha = labels.map((label, s) => {
        const skip = s >= 2 && label !== 0 && label !== labels[s - 2] ? alpha[s - 2]! : Number.NEGATIVE_INFINITY
        const before = Math.max(alpha[s]!, s > 0 ? alpha[s - 1]! : Number.NEGATIVE_INFINITY, skip)
        return before + logProbs[frame * 4 + label]!
      })
    }
    expect(score).toBeCloseTo(Math.max(alpha.at(-1)!, alpha.at(-2)!), 6)
  })

  it('reads delimiters at the ends and beside each other, if told which token they are', () => {
    const never = Number.NEGATIVE_INFINITY
    const only = [1, 2, 1, 0, 1, 2, 1].flatMap((token) => [0, 1, 2].map((t) => (t === token ? 0 : never)))
    const logProbs = Float64Array.from(only)
    expect(() => forcedAlign(logProbs, [2, 1, 2], { vocabularySize: 3 })).toThrow(DataError)
    const { tokens, path } = forcedAlign(logProbs, [2, 1, 2], { vocabularySize: 3, delimiterId: 1 })
    expect([...path]).toEqual([1, 2, 1, 0, 1, 2, 1])
    expect(tokens[0]).toMatchObject({ startFrame: 1, endFrame: 2 })
    expect(tokens[2]).toMatchObject({ startFrame: 5, endFrame: 6 })
  })

  it('aligns nothing with nothing, and refuses tokens outside the vocabulary', () => {
    expect(forcedAlign(new Float32Array(0), [], { vocabularySize: 3 }).score).toBe(0)
    expect(() => forcedAlign(new Float32Array(0), [1], { vocabularySize: 3 })).toThrow(
      '1 tokens do not fit into 0 frames',
    )
    expect(() => forcedAlign(new Float32Array(6), [3], { vocabularySize: 3 })).toThrow('token 0 is 3')
    expect(() => forcedAlign(new Float32Array(6), [0], { vocabularySize: 3 })).toThrow('token 0 is 0')
    expect(() => forcedAlign(new Float32Array(4), [1], { vocabularySize: 3 })).toThrow('not whole frames')
  })
})
