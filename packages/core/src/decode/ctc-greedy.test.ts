import { describe, expect, it } from 'vitest'
import { ctcGreedyDecode } from './ctc-greedy'

describe('ctcGreedyDecode', () => {
  it('joins repeats, then drops blanks, so that a blank keeps two tokens apart', () => {
    expect(ctcGreedyDecode([0, 3, 3, 0, 3, 5, 5, 0, 0, 2])).toEqual([3, 3, 5, 2])
  })

  it('takes any token as the blank', () => {
    expect(ctcGreedyDecode(Int32Array.of(0, 0, 7, 0, 7, 7, 1), { blankId: 7 })).toEqual([0, 0, 1])
  })

  it('decodes nothing, only blanks, and several utterances', () => {
    expect(ctcGreedyDecode([])).toEqual([])
    expect(ctcGreedyDecode([0, 0])).toEqual([])
    expect(ctcGreedyDecode([[1, 1, 0], Int32Array.of(2, 0, 2), []])).toEqual([[1], [2, 2], []])
  })
})
