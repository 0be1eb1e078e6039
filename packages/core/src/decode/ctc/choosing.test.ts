import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Floor } from './floor'
import { selectBest } from './select-best'

const scores = fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 60 })

describe('selectBest', () => {
  it('puts the best to the front, of equal ones those that come first', () => {
    fc.assert(
      fc.property(scores, fc.nat(60), (values, wanted) => {
        const count = Math.min(wanted, values.length)
        const order = Int32Array.from(values, (_, i) => i)
        selectBest(order, values.length, Float64Array.from(values), count)
        const sorted = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b)
        expect([...order.subarray(0, count)].sort((a, b) => a - b)).toEqual(
          sorted.slice(0, count).sort((a, b) => a - b),
        )
        expect([...order].sort((a, b) => a - b)).toEqual(values.map((_, i) => i))
      }),
    )
  })
})

describe('Floor', () => {
  it('is the worst of the best so far, or as far as allowed below the best', () => {
    const floor = new Floor()
    fc.assert(
      fc.property(
        scores,
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(-5, Number.NEGATIVE_INFINITY),
        (values, count, reach) => {
          floor.reset(count, reach)
          values.forEach((value, i) => {
            floor.add(value)
            const best = values.slice(0, i + 1).sort((a, b) => b - a)
            const worst = best.length < count ? Number.NEGATIVE_INFINITY : best[count - 1]!
            expect(floor.value).toBe(Math.max(worst, best[0]! + reach))
          })
        },
      ),
    )
  })
})
