import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { readSafetensors, toFloat32 } from '../checkpoint/index'
import { ConfigError, DataError } from '../errors'
import { CtcDecoder, type CtcDecoderOptions, type CtcTranscription } from './ctc-decoder'
import { spelledLexicon } from './lexicon'
import { readArpa, trainNgram } from './ngram/index'

const fixture = (name: string) => new URL(`../../fixtures/ctc-beam-search/${name}`, import.meta.url).pathname

const logSoftmax = (logits: ArrayLike<number>, size: number) => {
  const out = Float64Array.from(logits)
  for (let at = 0; at < out.length; at += size) {
    const row = out.subarray(at, at + size)
    const sum = Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0))
    row.forEach((logit, i) => {
      row[i] = logit - sum
    })
  }
  return out
}

/** Log probabilities that differ from frame to frame. */
const noise = (frames: number, size: number, seed = 1) =>
  logSoftmax(
    Array.from({ length: frames * size }, (_, i) => 2 * Math.sin((i + 1) * 12.9898 * seed)),
    size,
  )

/** Log probabilities of frames that say the given tokens clearly. */
const saying = (tokens: readonly number[], size: number, sharpness = 8) =>
  logSoftmax(
    tokens.flatMap((token) => Array.from({ length: size }, (_, i) => (i === token ? sharpness : 0))),
    size,
  )

const everything = {
  beamWidth: 100_000,
  tokenMinLogProb: Number.NEGATIVE_INFINITY,
  beamPruneLogProb: Number.NEGATIVE_INFINITY,
}

/** Sum of the probabilities of all paths by the token sequence that they collapse to. */
const allTokenSequences = (logProbs: Float64Array, size: number): Map<string, number> => {
  const frames = logProbs.length / size
  const sums = new Map<string, number>()
  for (let path = 0; path < size ** frames; path++) {
    const tokens: number[] = []
    let logProb = 0
    let last = 0
    for (let frame = 0, rest = path; frame < frames; frame++, rest = Math.floor(rest / size)) {
      const token = rest % size
      logProb += logProbs[frame * size + token]!
      if (token !== 0 && token !== last) tokens.push(token)
      last = token
    }
    const key = tokens.join()
    sums.set(key, (sums.get(key) ?? 0) + Math.exp(logProb))
  }
  return sums
}

const tokensOf = (key: string): number[] => (key === '' ? [] : key.split(',').map(Number))

const expectSame = (found: readonly CtcTranscription[], expected: ReadonlyMap<string, number>, acoustic: boolean) => {
  expect(found.map(({ text }) => text).sort()).toEqual([...expected.keys()].sort())
  for (const { text, score, acousticScore } of found) {
    const value = acoustic ? Math.exp(acousticScore) : score
    expect(Math.abs(value - expected.get(text)!), text).toBeLessThan(1e-11)
  }
  expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a))
}

describe('CtcDecoder beside pyctcdecode', () => {
  const reference = async () => {
    const { tensors: inputs } = await readSafetensors(fixture('inputs.safetensors'))
    const { tensors: expected } = await readSafetensors(fixture('expected.safetensors'))
    return {
      config: JSON.parse(await readFile(fixture('config.json'), 'utf8')),
      texts: JSON.parse(await readFile(fixture('expected_texts.json'), 'utf8')) as Record<string, string[]>,
      logProbs: (i: number) => logSoftmax(toFloat32(inputs.get(`logits.${i}`)!), inputs.get(`logits.${i}`)!.shape[1]!),
      scores: (name: string) => toFloat32(expected.get(name)!),
    }
  }
  const expectClose = (found: readonly number[], expected: Float32Array) => {
    expect(found).toHaveLength(expected.length)
    found.forEach((score, k) => {
      expect(Math.abs(score - expected[k]!)).toBeLessThan(2e-7 * Math.abs(expected[k]!))
    })
  }

  it('gives its texts and scores without a language model', async () => {
    const { config, texts, logProbs, scores } = await reference()
    const decoder = new CtcDecoder({
      ...everything,
      labels: config.labels_nolm,
      beamWidth: config.beam_width_nolm,
      conventions: 'pyctcdecode',
    })
    for (let i = 0; i < config.cases; i++) {
      const found = decoder.decode(logProbs(i), { nBest: 5 })
      expect(found.map(({ text }) => text)).toEqual(texts[`nolm.${i}`])
      expectClose(
        found.map(({ acousticScore }) => acousticScore),
        scores(`nolm.${i}.logit_score`),
      )
    }
  })

  it('gives its texts and scores with a word 2-gram model', async () => {
    const { config, texts, logProbs, scores } = await reference()
    const decoder = new CtcDecoder({
      ...everything,
      labels: config.labels_lm,
      beamWidth: config.beam_width_lm,
      conventions: 'pyctcdecode',
      languageModel: {
        model: await readArpa(fixture('lm.arpa')),
        alpha: config.alpha,
        beta: config.beta,
        unknownOffset: config.unk_score_offset,
      },
    })
    for (let i = 0; i < config.cases; i++) {
      const found = decoder.decode(logProbs(i), { nBest: 5 })
      expect(found.map(({ text }) => text)).toEqual(texts[`lm.${i}`])
      expectClose(
        found.map(({ acousticScore }) => acousticScore),
        scores(`lm.${i}.logit_score`),
      )
      expectClose(
        found.map(({ score }) => score),
        scores(`lm.${i}.combined_score`),
      )
    }
  })
})

describe('CtcDecoder with a beam that holds everything', () => {
  const labels = ['', ' ', 'a', 'b']
  const logProbs = noise(5, 4)
  const model = trainNgram(['a b a', 'ab a', 'b b ab', 'a'], { order: 3 })
  const textOf = (tokens: readonly number[]) =>
    tokens
      .map((token) => labels[token])
      .join('')
      .split(' ')
      .filter((word) => word !== '')
      .join(' ')
  const byText = () => {
    const sums = new Map<string, number>()
    for (const [key, p] of allTokenSequences(logProbs, 4)) {
      const text = textOf(tokensOf(key))
      sums.set(text, (sums.get(text) ?? 0) + p)
    }
    return sums
  }

  it('adds up all paths of each text, however many spaces they say', () => {
    const found = new CtcDecoder({ labels, ...everything }).decode(logProbs, { nBest: 1e6 })
    expectSame(found, byText(), true)
  })

  it.each([true, false])(
    'adds the word model, its bonus and what unknown words cost (boundaries: %s)',
    (boundaries) => {
      const languageModel = { model, alpha: 0.7, beta: 0.9, unknownOffset: -3, boundaries }
      const decoder = new CtcDecoder({ labels, ...everything, languageModel })
      const expected = new Map<string, number>()
      for (const [text, p] of byText()) {
        const words = text.split(' ').filter((word) => word !== '')
        const unknown = words.filter((word) => !model.has(word)).length
        const log10 = model.sentenceLogProb10(words, { boundaries }) - 3 * unknown
        expected.set(text, Math.log(p) + 0.7 * Math.LN10 * log10 + 0.9 * words.length)
      }
      const found = decoder.decode(logProbs, { nBest: 1e6 })
      expectSame(found, expected, false)
      for (const { acousticScore, languageModelScore, hotWordScore, score } of found) {
        expect(acousticScore + languageModelScore + hotWordScore).toBeCloseTo(score, 12)
      }
    },
  )

  it('adds a character model to every token', () => {
    const characters = trainNgram(['a b a', 'ab a', 'b b ab', 'a'], { order: 4, unit: 'character' })
    const decoder = new CtcDecoder({
      labels: ['', 'x', 'a', 'b'],
      ...everything,
      languageModel: { model: characters, unit: 'token', alpha: 0.5, beta: 0.2 },
    })
    const expected = new Map<string, number>()
    for (const [key, p] of allTokenSequences(logProbs, 4)) {
      const letters = tokensOf(key).map((token) => ['', 'x', 'a', 'b'][token]!)
      const lm = 0.5 * Math.LN10 * characters.sentenceLogProb10(letters)
      expected.set(letters.join(''), Math.log(p) + lm + 0.2 * letters.length)
    }
    expectSame(decoder.decode(logProbs, { nBest: 1e6 }), expected, false)
  })

  it('knows the space of a character model by the name it has there', () => {
    const characters = trainNgram(['a b', 'b a'], { order: 2, unit: 'character' })
    const languageModel = { model: characters, unit: 'token', alpha: 1, beta: 0 } as const
    const [best] = new CtcDecoder({ labels, languageModel }).decode(saying([2, 1, 3], 4))
    expect(best!.text).toBe('a b')
    expect(best!.languageModelScore).toBeCloseTo(Math.LN10 * characters.sentenceLogProb10(['a', '|', 'b']), 12)
  })

  it('says only words of a lexicon, which a delimiter separates', () => {
    const lexicon = spelledLexicon(['a', 'ba'], labels)
    const decoder = new CtcDecoder({ labels, ...everything, lexicon })
    const expected = new Map([...byText()].filter(([text]) => /^((a|ba)( |$))*$/.test(text)))
    expectSame(decoder.decode(logProbs, { nBest: 1e6 }), expected, true)
  })

  it('separates words of a lexicon without a delimiter in every way, and tells words that sound alike apart', () => {
    const phonemes = ['', 'x', 'y', 'z']
    const lexicon = [
      { word: 'EX', tokens: [1] },
      { word: 'EGGS', tokens: [1] },
      { word: 'WHY', tokens: [2] },
      { word: 'EXWHY', tokens: [1, 2] },
      { word: 'WHY', tokens: [3, 3] },
    ]
    const segment = (tokens: readonly number[]): string[][] =>
      tokens.length === 0
        ? [[]]
        : lexicon
            .filter((entry) => entry.tokens.every((token, i) => tokens[i] === token))
            .flatMap(({ word, tokens: own }) => segment(tokens.slice(own.length)).map((rest) => [word, ...rest]))
    const languageModel = { model: trainNgram(['EX WHY', 'EGGS EGGS WHY'], { order: 2 }), alpha: 1, beta: 0.5 }
    const sums = new Map<string, number>()
    for (const [key, p] of allTokenSequences(logProbs, 4)) {
      for (const words of segment(tokensOf(key))) {
        sums.set(words.join(' '), (sums.get(words.join(' ')) ?? 0) + p)
      }
    }
    const expected = new Map<string, number>()
    for (const [text, p] of sums) {
      const words = text.split(' ').filter((word) => word !== '')
      const unknown = words.filter((word) => word === 'EXWHY').length
      const log10 = languageModel.model.sentenceLogProb10(words) - 10 * unknown
      expected.set(text, Math.log(p) + Math.LN10 * log10 + 0.5 * words.length)
    }
    const decoder = new CtcDecoder({ labels: phonemes, ...everything, lexicon, languageModel })
    expectSame(decoder.decode(logProbs, { nBest: 1e6 }), expected, false)
  })

  it('adds the weight of each hot word, and nothing for its beginning', () => {
    const decoder = new CtcDecoder({ labels, ...everything, hotWords: ['ab', 'a b'], hotWordWeight: 2.5 })
    const expected = new Map<string, number>()
    for (const [text, p] of byText()) {
      const hot = text.split(' ').filter((word) => ['ab', 'a', 'b'].includes(word)).length
      expected.set(text, Math.log(p) + 2.5 * hot)
    }
    const found = decoder.decode(logProbs, { nBest: 1e6 })
    expectSame(found, expected, false)
    expect(found.find(({ text }) => text === 'ab a')!.hotWordScore).toBe(5)
    expect(found.find(({ text }) => text === 'aba')!.hotWordScore).toBe(0)
  })
})

describe('CtcDecoder', () => {
  const labels = ['', ' ', 'a', 'b']

  it('keeps the same best texts when little that matters is pruned', () => {
    const model = trainNgram(['a b a', 'ab a', 'b b ab', 'a'], { order: 3 })
    for (let seed = 1; seed < 20; seed++) {
      const logProbs = noise(12, 4, seed)
      const options = { labels, languageModel: { model } }
      const [wide] = new CtcDecoder({ ...options, ...everything, beamWidth: 5000 }).decode(logProbs)
      const [narrow] = new CtcDecoder({ ...options, beamWidth: 200 }).decode(logProbs)
      expect(narrow!.text).toBe(wide!.text)
      expect(narrow!.score).toBeLessThanOrEqual(wide!.score + 1e-12)
    }
  })

  it('gives the frames of tokens and words', () => {
    const said = [0, 1, 2, 2, 3, 0, 1, 1, 0, 1, 0, 3, 0, 3, 0, 0, 1]
    const [best] = new CtcDecoder({ labels }).decode(saying(said, 4), { timestamps: true })
    expect(best!.text).toBe('ab bb')
    expect(best!.words).toEqual([
      { word: 'ab', startFrame: 2, endFrame: 5 },
      { word: 'bb', startFrame: 11, endFrame: 14 },
    ])
    expect(best!.tokenIds).toEqual([2, 3, 1, 3, 3])
    const letters = best!.tokens!.filter(({ tokenId }) => tokenId !== 1)
    expect(letters.map(({ tokenId, startFrame, endFrame }) => [tokenId, startFrame, endFrame])).toEqual([
      [2, 2, 4],
      [3, 4, 5],
      [3, 11, 12],
      [3, 13, 14],
    ])
  })

  it('gives the frames of a lexicon’s words, with and without a delimiter', () => {
    const run = (options: Partial<CtcDecoderOptions>, said: number[]) =>
      new CtcDecoder({ labels, lexicon: spelledLexicon(['ab', 'b'], labels), ...options }).decode(saying(said, 4), {
        timestamps: true,
      })[0]!.words
    expect(run({}, [2, 3, 1, 3, 0])).toEqual([
      { word: 'ab', startFrame: 0, endFrame: 2 },
      { word: 'b', startFrame: 3, endFrame: 4 },
    ])
    expect(run({ wordDelimiterId: null }, [2, 3, 0, 3, 3])).toEqual([
      { word: 'ab', startFrame: 0, endFrame: 2 },
      { word: 'b', startFrame: 3, endFrame: 5 },
    ])
  })

  it('reads word pieces, known words by their letters', () => {
    const pieces = ['', '▁a', 'b', '▁', 'ba']
    const model = trainNgram(['ab ba'], { order: 2 })
    const decoder = new CtcDecoder({ labels: pieces, languageModel: { model }, hotWords: ['ba'] })
    const [best] = decoder.decode(saying([1, 2, 3, 4], 5), { timestamps: true })
    expect(best!.text).toBe('ab ba')
    expect(best!.words.map(({ startFrame, endFrame }) => [startFrame, endFrame])).toEqual([
      [0, 2],
      [2, 4],
    ])
    expect(best!.languageModelScore).toBeCloseTo(0.5 * Math.LN10 * model.sentenceLogProb10('ab ba') + 3, 12)
    expect(best!.hotWordScore).toBe(10)
  })

  it('leaves an incomplete last word out when nothing else is left', () => {
    const decoder = new CtcDecoder({ labels, lexicon: spelledLexicon(['aab', 'b'], labels) })
    const never = Number.NEGATIVE_INFINITY
    const logProbs = Float64Array.of(never, never, never, 0, never, 0, never, never, never, never, 0, never)
    expect(decoder.decode(logProbs)).toMatchObject([{ text: 'b', isComplete: false, words: [{ word: 'b' }] }])
    expect(decoder.decode(saying([3, 1, 3], 4))).toMatchObject([{ text: 'b b', isComplete: true }])
  })

  it('goes on with unlikely tokens where a lexicon forbids the likely ones', () => {
    const decoder = new CtcDecoder({ labels, lexicon: spelledLexicon(['ab'], labels) })
    expect(decoder.decode(saying([2, 2, 1], 4, 20))[0]!.text).toBe('ab')
  })

  it('never reads excluded tokens, and a decoder forgets the utterance before', () => {
    const decoder = new CtcDecoder({ labels, excludedIds: [3] })
    const [first] = decoder.decode(saying([3, 2, 3], 4))
    expect(first!.text).toBe('a')
    decoder.decode(noise(30, 4))
    expect(decoder.decode(saying([3, 2, 3], 4))).toEqual([first])
  })

  it('hears nothing in no frames', () => {
    expect(new CtcDecoder({ labels }).decode(new Float32Array(0))).toEqual([
      {
        text: '',
        words: [],
        tokenIds: [],
        acousticScore: 0,
        languageModelScore: 0,
        hotWordScore: 0,
        score: 0,
        isComplete: true,
      },
    ])
  })

  it('refuses options that do not fit', () => {
    const refused = (options: Partial<CtcDecoderOptions>, message: string) =>
      expect(() => new CtcDecoder({ labels, ...options })).toThrow(message)
    const model = trainNgram(['hello world'], { order: 2 })
    expect(() => new CtcDecoder({ labels, wordDelimiterId: 9 })).toThrow(ConfigError)
    refused({ wordDelimiterId: 0 }, 'wordDelimiterId is 0')
    refused({ excludedIds: [0] }, 'The blank 0 is excluded')
    refused({ lexicon: [] }, 'The lexicon is empty')
    refused({ lexicon: [{ word: 'x', tokens: [] }] }, '"x" is spelled by no tokens')
    refused({ lexicon: [{ word: 'x', tokens: [2, 1] }] }, '"x" is spelled by token 1')
    refused({ lexicon: spelledLexicon(['a'], labels), hotWords: ['ab'] }, 'The hot words ab are not in the lexicon')
    refused({ languageModel: { model, unit: 'token' } }, 'knows none of the tokens')
    refused({ languageModel: { model, alpha: Number.NaN } }, 'alpha is NaN')
    expect(() => new CtcDecoder({ labels }).decode(new Float32Array(5))).toThrow(DataError)
    expect(() => new CtcDecoder({ labels, beamWidth: 0 }).decode(new Float32Array(4))).toThrow('beamWidth is 0')
  })
})
