import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { characterErrorRate, errorReport, wordErrorRate } from './error-rate'

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

describe('errorReport', () => {
  it('says what became of each word of each utterance', () => {
    const report = errorReport(['the cat sat', 'a b', ''], ['the bat sat down', 'b', 'x'])
    expect(report).toMatchObject({ rate: 4 / 5, substitutions: 1, deletions: 1, insertions: 2, length: 5 })
    expect(report.utterances[0]).toEqual({
      rate: 2 / 3,
      substitutions: 1,
      deletions: 0,
      insertions: 1,
      length: 3,
      alignment: [
        { kind: 'equal', reference: 'the', hypothesis: 'the' },
        { kind: 'substitution', reference: 'cat', hypothesis: 'bat' },
        { kind: 'equal', reference: 'sat', hypothesis: 'sat' },
        { kind: 'insertion', hypothesis: 'down' },
      ],
    })
    expect(report.utterances[1]!.alignment).toEqual([
      { kind: 'deletion', reference: 'a' },
      { kind: 'equal', reference: 'b', hypothesis: 'b' },
    ])
    expect(report.utterances[2]).toMatchObject({ rate: Number.POSITIVE_INFINITY, length: 0, insertions: 1 })
  })

  it('says what each word was taken for, the worst first', () => {
    const { confusions, insertedWords } = errorReport(
      ['two birds', 'two cats', 'two', 'two', 'birds'],
      ['too birds', 'too cats', 'uh to', 'two', ''],
    )
    expect(confusions).toEqual([
      { word: 'two', count: 4, correct: 1, deletions: 0, substitutions: new Map(Object.entries({ too: 2, to: 1 })) },
      { word: 'birds', count: 2, correct: 1, deletions: 1, substitutions: new Map() },
      { word: 'cats', count: 1, correct: 1, deletions: 0, substitutions: new Map() },
    ])
    expect([...confusions[0]!.substitutions.keys()]).toEqual(['too', 'to'])
    expect([...insertedWords]).toEqual([['uh', 1]])
  })

  it('counts as the error rates do, and its alignments are both texts', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 }).map((words) => words.join(' '))
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (pairs) => {
        const [references, hypotheses] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
        const { utterances, confusions, insertedWords, length, ...rest } = errorReport(references, hypotheses)
        expect({ ...rest, words: length }).toEqual(wordErrorRate(references, hypotheses))
        utterances.forEach(({ alignment }, i) => {
          const said = alignment.flatMap((edit) => (edit.kind === 'insertion' ? [] : [edit.reference]))
          const found = alignment.flatMap((edit) => (edit.kind === 'deletion' ? [] : [edit.hypothesis]))
          expect([said.join(' '), found.join(' ')]).toEqual([references[i], hypotheses[i]])
        })
        const errors = confusions.reduce((sum, { count, correct }) => sum + count - correct, 0)
        const inserted = [...insertedWords.values()].reduce((sum, count) => sum + count, 0)
        expect([errors, inserted]).toEqual([rest.substitutions + rest.deletions, rest.insertions])
      }),
    )
  })

  it('aligns characters, and applies a normalisation to both sides', () => {
    expect(errorReport(['ab c'], ['ab'], { unit: 'character' })).toMatchObject({ deletions: 2, length: 4 })
    const normalization = { letterCase: 'lower', punctuation: 'remove' } as const
    expect(wordErrorRate(['Hello, WORLD!'], ['hello world'], { normalization }).rate).toBe(0)
    expect(characterErrorRate(['Hello!'], ['hallo'], { normalization }).rate).toBe(1 / 5)
    expect(errorReport(['Yes.'], ['yes'], { normalization }).rate).toBe(0)
  })
})

// What jiwer 4.0.0 gives for the same texts.
describe('beside jiwer', () => {
  it.each([
    ['the cat sat on the mat', 'the cat sat mat on', 0.5, 8 / 22],
    ['a b c d', 'b c d e', 0.5, 4 / 7],
    ['one two three', 'one  too tree four', 1, 7 / 13],
    ['hello', 'hello hello hello', 2, 12 / 5],
  ])('%s / %s', (reference, hypothesis, words, characters) => {
    expect(wordErrorRate([reference], [hypothesis]).rate).toBeCloseTo(words, 12)
    expect(characterErrorRate([reference], [hypothesis]).rate).toBeCloseTo(characters, 12)
  })
})
