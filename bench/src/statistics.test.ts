import { describe, expect, it } from 'vitest'
import { median } from './statistics'

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
