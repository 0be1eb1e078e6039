import { describe, expect, it } from 'vitest'
import { agree, callsForTurn, median, ratioOfRounds } from './statistics'

describe('median', () => {
  it('is the middle of an odd count and the mean of the middle two of an even one, whatever the order', () => {
    expect(median([5, 1, 3])).toBe(3)
    expect(median([10, 1, 4, 2])).toBe(3)
    expect(median([])).toBeNaN()
  })

  it('leaves its argument as it is and sorts by value, not by text', () => {
    const values = [10, 9, 100]
    expect(median(values)).toBe(10)
    expect(values).toEqual([10, 9, 100])
  })
})

describe('ratioOfRounds', () => {
  it('divides round by round, so that a machine that slows down does not count', () => {
    // Twice as slow in each round, while the machine becomes ten times slower.
    expect(ratioOfRounds([[2], [20]], [[1], [10]])).toEqual({ median: 2, lowest: 2, highest: 2 })
  })

  it('takes the median of each round, then of the rounds', () => {
    const ratio = ratioOfRounds([[3, 3, 90], [1], [8]], [[1], [1], [2]])
    expect(ratio).toEqual({ median: 3, lowest: 1, highest: 4 })
  })

  it('counts common rounds only, and is nothing without one', () => {
    expect(ratioOfRounds([[4]], [[2], [1]])).toEqual({ median: 2, lowest: 2, highest: 2 })
    expect(ratioOfRounds([[4], []], [[2], [1]])).toEqual({ median: 2, lowest: 2, highest: 2 })
    expect(ratioOfRounds([], [[1]])).toBeUndefined()
  })
})

describe('callsForTurn', () => {
  it('fills the turn, with at least one call and at most the limit', () => {
    expect(callsForTurn(0.1, 0.5)).toBe(5)
    expect(callsForTurn(3, 0.5)).toBe(1)
    expect(callsForTurn(1e-6, 0.5)).toBe(100)
    expect(callsForTurn(0, 0.5, 7)).toBe(7)
  })
})

describe('agree', () => {
  it('compares each number relative to the larger, and the counts', () => {
    expect(agree([100, 0], [100.09, 0], 1e-3)).toBe(true)
    expect(agree([100, 0], [100.2, 0], 1e-3)).toBe(false)
    expect(agree([1], [1, 1], 1)).toBe(false)
    expect(agree([Number.NaN], [1], 1)).toBe(false)
  })
})
