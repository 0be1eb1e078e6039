import { describe, expect, it } from 'vitest'
import { HostRng } from '../random/index'
import { sampleDistractors } from './distractors'

describe('sampleDistractors', () => {
  const maskedFrames = [3, 4, 9, 20]

  it('draws only other masked frames of the utterance', () => {
    const drawn = sampleDistractors({ maskedFrames, distractors: 50, rng: new HostRng(1) })
    expect(drawn.length).toBe(200)
    maskedFrames.forEach((frame, row) => {
      const others = new Set(drawn.subarray(row * 50, (row + 1) * 50))
      expect([...others].sort((a, b) => a - b)).toEqual(maskedFrames.filter((other) => other !== frame))
    })
  })

  it('draws them uniformly', () => {
    const distractors = 30000
    const drawn = sampleDistractors({ maskedFrames, distractors, rng: new HostRng(2) })
    maskedFrames.forEach((frame, row) => {
      for (const other of maskedFrames) {
        const count = drawn
          .subarray(row * distractors, (row + 1) * distractors)
          .filter((value) => value === other).length
        if (frame === other) expect(count).toBe(0)
        // Binomial with p = 1/3: four standard errors.
        else expect(Math.abs(count - distractors / 3)).toBeLessThan(4 * Math.sqrt((distractors * 2) / 9))
      }
    })
  })

  it('falls back to the frame itself where it is the only one', () => {
    expect([...sampleDistractors({ maskedFrames: [7], distractors: 3, rng: new HostRng(1) })]).toEqual([7, 7, 7])
    expect(sampleDistractors({ maskedFrames: [], distractors: 3, rng: new HostRng(1) }).length).toBe(0)
  })
})
