import { describe, expect, it } from 'vitest'
import { HostRng } from '../random/index'
import { Permutation } from './permutation'

const orderOf = (size: number, seed: number) => {
  const permutation = new Permutation(size, new HostRng(seed))
  return Array.from({ length: size }, (_, place) => permutation.at(place))
}

describe('Permutation', () => {
  it.each([1, 2, 3, 5, 16, 17, 1000, 65_537])('of %d has each number once', (size) => {
    const order = orderOf(size, 1)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, index) => index))
    expect(orderOf(size, 1)).toEqual(order)
    if (size > 10) expect(orderOf(size, 2)).not.toEqual(order)
  })

  it('has each of the 24 orders of four about equally often', () => {
    const counts = new Map<string, number>()
    const draws = 24_000
    for (let seed = 0; seed < draws; seed++) {
      const order = orderOf(4, seed).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    // Chi-square with 23 degrees of freedom exceeds 49.7 once in a thousand times.
    const square = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    expect(square).toBeLessThan(49.7)
  })

  it('leaves no trace of the order before: neighbours, fixed points, halves', () => {
    const size = 50_000
    const order = orderOf(size, 9)
    const together = order.filter((value, place) => place > 0 && Math.abs(value - order[place - 1]!) === 1)
    expect(together.length).toBeLessThan(12)
    expect(order.filter((value, place) => value === place).length).toBeLessThan(8)
    const low = order.slice(0, size / 2).filter((value) => value < size / 2).length
    expect(Math.abs(low - size / 4)).toBeLessThan(400)
  })

  it('knows no places outside', () => {
    expect(() => new Permutation(3, new HostRng(0)).at(3)).toThrow(RangeError)
  })
})
