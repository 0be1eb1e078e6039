import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { characterErrorRate, wordErrorRate } from './error-rate'

describe('wordErrorRate', () => {
  it('counts each kind of edit', () => {
    expect(wordErrorRate(['the cat sat on the mat here'], ['the cat sit on mat here today'])).toEqual({
      rate: 3 / 7,
      substitutions: 1,
      deletions: 1,
      insertions: 1,
      words: 7,
    })
  })

  it('is a rate of the corpus, not a mean of the rates of its utterances', () => {
    expect(wordErrorRate(['a', 'a b c d e f g h i'], ['b', 'a b c d e f g h i']).rate).toBe(0.1)
  })

  it('counts the words of an empty reference as insertions, and of an empty hypothesis as deletions', () => {
    expect(wordErrorRate(['', 'a b'], ['x y z', ''])).toEqual({
      rate: 2.5,
      substitutions: 0,
      deletions: 2,
      insertions: 3,
      words: 2,
    })
  })

  it('is 0 for nothing at all, and infinite for words out of nothing', () => {
    expect(wordErrorRate([], []).rate).toBe(0)
    expect(wordErrorRate(['  '], ['']).rate).toBe(0)
    expect(wordErrorRate([''], ['x']).rate).toBe(Number.POSITIVE_INFINITY)
  })

  it('splits at any white space, however much', () => {
    expect(wordErrorRate([' a  b\tc\n'], ['a b c']).rate).toBe(0)
  })

  it('refuses lists of different lengths', () => {
    expect(() => wordErrorRate(['a'], [])).toThrow(DataError)
  })

  it('finds the fewest edits', () => {
    /** The distance by its recursive definition. */
    const distance = (a: string, b: string): number => {
      if (a === '' || b === '') return a.length + b.length
      if (a[0] === b[0]) return distance(a.slice(1), b.slice(1))
      return 1 + Math.min(distance(a.slice(1), b), distance(a, b.slice(1)), distance(a.slice(1), b.slice(1)))
    }
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        const { substitutions, deletions, insertions } = wordErrorRate([[...a].join(' ')], [[...b].join(' ')])
        expect(substitutions + deletions + insertions).toBe(distance(a, b))
        expect(deletions - insertions).toBe(a.length - b.length)
        for (const count of [substitutions, deletions, insertions])
          expect(Number.isInteger(count) && count >= 0).toBe(true)
      }),
    )
  })
})

describe('characterErrorRate', () => {
  it('counts code points, with one space between words', () => {
    expect(characterErrorRate([' ab  c '], ['ab d'])).toEqual({
      rate: 1 / 4,
      substitutions: 1,
      deletions: 0,
      insertions: 0,
      characters: 4,
    })
    expect(characterErrorRate(['😀é'], ['😁é']).rate).toBe(0.5)
  })
})
