import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, DataError } from '../../errors'
import { characterUnits, type NgramModel, readArpa, trainNgram, writeArpa } from './index'

const p = (model: NgramModel, word: string, ...context: string[]) => {
  const state = context.reduce(
    (at, before) => (before === '<s>' ? model.startState : model.next(at, model.wordId(before))),
    model.emptyState,
  )
  return 10 ** model.logProb10(state, model.wordId(word))
}

describe('trainNgram', () => {
  it('estimates what modified Kneser-Ney smoothing comes to by hand, with counts of counts that give no discounts', () => {
    // 1-grams by what comes before: a 1, b 1, </s> 2; discounts 0.5, 0.5, 1 of 4; 4 words share what they free, with <unk>.
    const model = trainNgram(['a b', 'a'], { order: 2 })
    expect(p(model, 'a')).toBeCloseTo(0.25, 7)
    expect(p(model, 'b')).toBeCloseTo(0.25, 7)
    expect(p(model, '</s>')).toBeCloseTo(0.375, 7)
    expect(p(model, 'zebra')).toBeCloseTo(0.125, 7)
    // 2-grams by their counts: <s> a twice, the others once.
    expect(p(model, 'a', '<s>')).toBeCloseTo(1 / 2 + (1 / 2) * 0.25, 7)
    expect(p(model, 'b', 'a')).toBeCloseTo(0.5 / 2 + (1 / 2) * 0.25, 7)
    expect(p(model, '</s>', 'a')).toBeCloseTo(0.5 / 2 + (1 / 2) * 0.375, 7)
    expect(p(model, '</s>', 'b')).toBeCloseTo(0.5 + 0.5 * 0.375, 7)
    expect(p(model, 'a', 'a')).toBeCloseTo((1 / 2) * 0.25, 7)
    expect(model.counts).toEqual([5, 4])
  })

  it('estimates its discounts from the counts of counts', () => {
    // Three words once (with </s>), two twice, one each three and four times: Y = 3/7, discounts 3/7, 19/14 and 9/7 of 14.
    const model = trainNgram(['x1 x2 y1 y1 y2 y2 z z z q q q q'], { order: 1 })
    for (const word of ['x1', 'x2', '</s>']) expect(p(model, word)).toBeCloseTo(39 / 392, 7)
    for (const word of ['y1', 'y2']) expect(p(model, word)).toBeCloseTo(41 / 392, 7)
    expect(p(model, 'z')).toBeCloseTo(71 / 392, 7)
    expect(p(model, 'q')).toBeCloseTo(99 / 392, 7)
    expect(p(model, 'zebra')).toBeCloseTo(23 / 392, 7)
  })

  it('counts n-grams after <s> as often as they occur, also below the highest order', () => {
    const model = trainNgram(['a b', 'a b', 'a c'], { order: 3, discountFallback: [0, 0, 0] })
    // Without discounts nothing is left for shorter n-grams: p(a | <s>) is its share of the three sentences.
    expect(p(model, 'a', '<s>')).toBeCloseTo(1, 6)
    expect(p(model, 'b', '<s>', 'a')).toBeCloseTo(2 / 3, 6)
    // "a b" follows one word only, as "a c" does.
    expect(p(model, 'b', 'a')).toBeCloseTo(1 / 2, 6)
  })

  it.each([1, 2, 3, 5])('gives every context a distribution (order %i)', (order) => {
    const sentences = [
      'the cat sat',
      'the cat ran',
      'a dog sat on the cat',
      'dogs',
      'the the cat sat on a mat',
      'a a a a',
    ]
    for (const unit of ['word', 'character'] as const) {
      const model = trainNgram(sentences, { order, unit })
      const words = Array.from({ length: model.vocabularySize }, (_, id) => id).filter((id) => model.word(id) !== '<s>')
      const states = new Set([model.emptyState, model.startState])
      for (const state of states) {
        if (states.size < 300) for (const word of words) states.add(model.next(state, word))
        const sum = words.reduce((total, word) => total + 10 ** model.logProb10(state, word), 0)
        expect(Math.abs(sum - 1)).toBeLessThan(2e-6)
      }
    }
  })

  it('makes a model of characters, with a name for the space', () => {
    expect(characterUnits('  ab  é😀 ')).toEqual(['a', 'b', '|', 'é', '😀'])
    const model = trainNgram(['ab c', 'ab'], { order: 3, unit: 'character', spaceToken: '<space>' })
    expect(model.has('<space>')).toBe(true)
    expect(p(model, 'b', '<s>', 'a')).toBeGreaterThan(0.5)
    expect(() => trainNgram(['a|b'], { order: 2, unit: 'character' })).toThrow('holds "|"')
  })

  it('writes models that are read back bit for bit, gzip’d or not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'babble-ngram-'))
    const model = trainNgram(['the cat sat', 'the cat ran é', 'a dog sat on the cat'], { order: 3 })
    for (const name of ['lm.arpa', 'lm.arpa.gz']) {
      await writeArpa(join(folder, name), model)
      const back = await readArpa(join(folder, name))
      expect(back.counts).toEqual(model.counts)
      for (const order of [1, 2, 3]) expect([...back.ngrams(order)]).toEqual([...model.ngrams(order)])
    }
    const text = await readFile(join(folder, 'lm.arpa'), 'utf8')
    expect(text).toMatch(/^\\data\\\nngram 1=11\nngram 2=13\nngram 3=12\n\n\\1-grams:\n/)
    expect(text).toMatch(/\n\\end\\\n$/)
    await rm(folder, { recursive: true })
  })

  it('refuses no text, words of its own, and orders out of range', () => {
    expect(() => trainNgram([], { order: 2 })).toThrow(DataError)
    expect(() => trainNgram(['a', 'b </s> c'], { order: 2 })).toThrow('sentence 2 holds the word </s>')
    expect(() => trainNgram(['a'], { order: 0 })).toThrow(ConfigError)
    expect(() => trainNgram(['a'], { order: 2, discountFallback: [2, 1, 1] })).toThrow('discountFallback is [2,1,1]')
  })
})

const text = process.env.BABBLE_DATA && join(process.env.BABBLE_DATA, 'text', 'librispeech_transcripts.txt')

describe.skipIf(!text || !existsSync(text))('on LibriSpeech transcripts (BABBLE_DATA)', () => {
  it('surprises less the longer its n-grams are', () => {
    const lines = readFileSync(text!, 'utf8').trim().split('\n')
    const train = lines.filter((_, i) => i % 10 !== 0)
    const held = lines.filter((_, i) => i % 10 === 0)
    const words = [1, 2, 3].map((order) => trainNgram(train, { order }).perplexity(held))
    const characters = [1, 2, 3, 4, 5].map((order) =>
      trainNgram(train, { order, unit: 'character' }).perplexity(held.map((line) => characterUnits(line))),
    )
    for (const perplexities of [words, characters]) {
      expect(perplexities).toEqual([...perplexities].sort((a, b) => b - a))
    }
    // KenLM gives the same model 420.220 and, of characters, 3.95430.
    expect(words[2]).toBeCloseTo(420.22, 2)
    expect(characters[4]).toBeCloseTo(3.9543, 4)
  }, 60_000)
})
