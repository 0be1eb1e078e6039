import { readFile } from 'node:fs/promises'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { ConfigError } from '../errors'
import { Embedding, Initializer, inference, Linear, TransformerDecoder } from '../nn/index'
import { enginesUnderTest, useEngine } from '../testing/index'
import { ctcPrefixScorer } from './attention/ctc-prefix-scorer'
import { repeatForBeams } from './attention/nested-tensors'
import { ngramTokenScorer } from './attention/ngram-token-scorer'
import {
  AttentionBeamSearch,
  type AttentionBeamSearchOptions,
  type AttentionDecoderStep,
} from './attention-beam-search'
import { trainNgram } from './ngram/index'

interface ReferenceCase {
  startId: number
  beamWidth: number
  lengthPenalty: number
  earlyStopping: boolean | 'never'
  minLength: number
  sequences: number[][]
  scores: number[] | null
}

/** A decoder whose logits are a table's row for (position, last token). */
const tableStep = (table: tf.Tensor2D, size: number): AttentionDecoderStep<tf.Tensor1D, undefined> => {
  return (tokens, state, position) => ({
    logits: tf.gather(table, tf.add(tf.mul(position, tf.scalar(size, 'int32')), tokens)) as tf.Tensor2D,
    state,
  })
}

const V = 5
const START = 3
const END = 4
const LENGTH = 4
const options: AttentionBeamSearchOptions = { startId: START, endId: END, maxLength: LENGTH, beamWidth: V ** 3 }

describe.each(enginesUnderTest())('AttentionBeamSearch on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('gives the hypotheses and scores of Hugging Face’s generate', async () => {
    const file = new URL('../../fixtures/beam-search/expected.json', import.meta.url)
    const all = JSON.parse(await readFile(file, 'utf8')) as ReferenceCase[]
    // Each setting is a program of its own: where they are compiled, every seventh will do.
    const cases = engine === 'xla' ? all.filter((_, i) => i % 7 === 0) : all
    expect(cases.length).toBeGreaterThan(20)
    const size = 6
    const table = tf.tensor2d(
      Array.from({ length: 9 * size * size }, (_, i) => 3 * Math.sin((i + 1) * 12.9898)),
      [9 * size, size],
    )
    for (const { sequences, scores, ...settings } of cases) {
      const { beamWidth } = settings
      const search = new AttentionBeamSearch(tableStep(table, size), { ...settings, endId: 1, maxLength: 8 })
      const state = tf.zeros([beamWidth]) as tf.Tensor1D
      const [found] = await search.search({ batch: 1, state, memory: undefined, nBest: beamWidth })
      expect(found!.map(({ tokenIds, isComplete }) => (isComplete ? [...tokenIds, 1] : tokenIds))).toEqual(sequences)
      for (const [k, score] of (scores ?? []).entries()) expect(Math.abs(found![k]!.score - score)).toBeLessThan(5e-5)
      search.dispose()
    }
  }, 60_000)

  describe('with a Transformer decoder', () => {
    const model = () => {
      const init = new Initializer(7)
      const embedding = new Embedding(V, 8, init, { std: 1 })
      const decoder = new TransformerDecoder(
        { layers: 2, hiddenSize: 8, heads: 2, intermediateSize: 16, std: 0.5 },
        init,
      )
      const head = new Linear(8, V, init, { std: 1 })
      const encoded = tf.tensor3d(
        Array.from({ length: 2 * 3 * 8 }, (_, i) => Math.sin(i * 1.3)),
        [2, 3, 8],
      )
      type Cache = ReturnType<typeof decoder.emptyCache>
      type Memory = ReturnType<typeof decoder.memory>
      const step: AttentionDecoderStep<Cache, Memory> = (tokens, cache, position, memory) => {
        const x = tf.expandDims(embedding.forward(tokens), 1) as tf.Tensor3D
        const next = decoder.step(x, position, cache, memory)
        return { logits: head.forward(tf.squeeze(next.output, [1]) as tf.Tensor2D) as tf.Tensor2D, state: next.cache }
      }
      /** Log probabilities of every next token after each beginning of texts [texts, length], computed without a cache. */
      const forward = compile((tokens: tf.Tensor2D, utterance: tf.Tensor3D) => {
        const [texts] = tokens.shape
        const encoderHiddenStates = tf.tile(utterance, [texts, 1, 1])
        const { lastHiddenState } = decoder.forward(embedding.forward(tokens), inference, { encoderHiddenStates })
        return tf.logSoftmax(head.forward(lastHiddenState))
      })
      const uncached = (utterance: number, texts: readonly (readonly number[])[]): number[][][] =>
        tf.tidy(() => {
          const rows = texts.map((text) => [START, ...text])
          const tokens = tf.tensor2d(rows, [rows.length, rows[0]!.length], 'int32')
          return forward(tokens, tf.slice(encoded, utterance, 1)).arraySync() as number[][][]
        })
      /** The same after `tokens`, looked up among all texts that are short of one token. */
      const whole = (utterance: number) => {
        const texts = Array.from({ length: V ** (LENGTH - 1) }, (_, n) => [
          Math.floor(n / V ** 2),
          Math.floor(n / V) % V,
          n % V,
        ])
        const all = uncached(utterance, texts)
        return (tokens: readonly number[]): number[] => {
          const [a = 0, b = 0, c = 0] = tokens
          return all[a * V ** 2 + b * V + c]![tokens.length]!
        }
      }
      return { decoder, encoded, step, whole, uncached }
    }

    /** All texts of an utterance with the sum of their log probabilities. */
    const allTexts = (score: (tokens: readonly number[]) => number[], temperature = 1) => {
      const found: { tokenIds: number[]; sum: number; length: number }[] = []
      const extend = (tokens: number[], sum: number) => {
        if (tokens.length === LENGTH) {
          found.push({ tokenIds: tokens, sum, length: LENGTH })
          return
        }
        const scaled = score(tokens).map((logProb) => logProb / temperature)
        const norm = Math.log(scaled.reduce((total, logit) => total + Math.exp(logit), 0))
        scaled.forEach((logit, token) => {
          if (token === END) found.push({ tokenIds: tokens, sum: sum + logit - norm, length: tokens.length + 1 })
          else extend([...tokens, token], sum + logit - norm)
        })
      }
      extend([], 0)
      return found
    }

    it('finds the best of all texts with a beam that holds them, from a cache as without one', async () => {
      const { decoder, encoded, step, whole } = model()
      const search = new AttentionBeamSearch(step, { ...options, lengthPenalty: 0.7, temperature: 1.3, minLength: 1 })
      const rows = 2 * V ** 3
      const memory = decoder.memory(repeatForBeams(encoded, V ** 3))
      const found = await search.search({ batch: 2, state: decoder.emptyCache(rows, LENGTH), memory, nBest: 20 })
      for (const utterance of [0, 1]) {
        const expected = allTexts(whole(utterance), 1.3)
          .filter(({ tokenIds }) => tokenIds.length > 0)
          .map(({ tokenIds, sum, length }) => ({ tokenIds, sum, score: sum / length ** 0.7 }))
          .sort((a, b) => b.score - a.score)
        expect(found[utterance]!).toHaveLength(20)
        for (const [k, { tokenIds, score, decoderScore }] of found[utterance]!.entries()) {
          expect(tokenIds).toEqual(expected[k]!.tokenIds)
          expect(Math.abs(score - expected[k]!.score)).toBeLessThan(1e-5)
          expect(Math.abs(decoderScore - expected[k]!.sum)).toBeLessThan(1e-5)
        }
      }
      search.dispose()
    }, 60_000)

    it('is greedy decoding with one beam, in one program for all tokens', async () => {
      const { decoder, encoded, step, uncached } = model()
      const search = new AttentionBeamSearch(step, { ...options, beamWidth: 1, maxLength: 12 })
      const memory = decoder.memory(encoded)
      const before = tf.memory().numTensors
      const state = decoder.emptyCache(2, 12)
      const found = await search.search({ batch: 2, state, memory })
      for (const utterance of [0, 1]) {
        const tokens: number[] = []
        while (tokens.length < 12) {
          const padded = [...tokens, ...new Array<number>(11 - tokens.length).fill(0)]
          const logProbs = uncached(utterance, [padded])[0]![tokens.length]!
          const best = logProbs.indexOf(Math.max(...logProbs))
          if (best === END) break
          tokens.push(best)
        }
        expect(found[utterance]![0]!.tokenIds).toEqual(tokens)
      }
      expect(search.traceCount).toBeLessThanOrEqual(1)
      tf.dispose([state.layers.map(({ key, value }) => [key, value])])
      expect(tf.memory().numTensors).toBe(before)
      search.dispose()
    })

    it('adds the opinions of CTC and of a language model to the decoder’s', async () => {
      const { decoder, encoded, step, whole } = model()
      const frames = 6
      const logProbs = [0, 1].map((u) =>
        Float64Array.from({ length: frames * V }, (_, i) => Math.sin((i + 1) * 7.7 * (u + 1))).map((x, i, all) => {
          const row = all.slice(i - (i % V), i - (i % V) + V)
          return x - Math.log(row.reduce((sum, y) => sum + Math.exp(y), 0))
        }),
      )
      const labels = ['', 'x', 'y', '', '']
      const lm = trainNgram(['x y', 'x x y', 'y y x'], { order: 3 })
      // CTC's blank is the decoder's token 0; the start token is never said.
      const scorers = [
        ctcPrefixScorer({ logProbs, vocabularySize: V, blankId: 0, endId: END, weight: 0.4 }),
        ngramTokenScorer({ model: lm, labels, endId: END, weight: 0.3 }),
      ]
      const search = new AttentionBeamSearch(step, {
        ...options,
        decoderWeight: 0.6,
        lengthPenalty: 0,
        candidates: 1000,
      })
      const memory = decoder.memory(repeatForBeams(encoded, V ** 3))
      const state = decoder.emptyCache(2 * V ** 3, LENGTH)
      const found = await search.search({ batch: 2, state, memory, scorers, nBest: V ** 3 })
      for (const utterance of [0, 1]) {
        const ctc = ctcOfAll(logProbs[utterance]!, V)
        const expected = allTexts(whole(utterance))
          .filter(({ length, tokenIds }) => length === tokenIds.length + 1)
          .map(({ tokenIds, sum }) => {
            const words = tokenIds.map((token) => labels[token] || '<unk>')
            const opinions = [Math.log(ctc.get(tokenIds.join()) ?? 0), Math.LN10 * lm.sentenceLogProb10(words)] as const
            return { tokenIds, score: 0.6 * sum + 0.4 * opinions[0] + 0.3 * opinions[1], opinions }
          })
          .sort((a, b) => b.score - a.score)
        const complete = found[utterance]!.filter(({ isComplete }) => isComplete)
        expect(complete.length).toBeGreaterThan(0)
        for (const { tokenIds, score, scores } of complete) {
          const same = expected.find((text) => text.tokenIds.join() === tokenIds.join())!
          expect(Math.abs(score - same.score)).toBeLessThan(1e-5)
          expect(scores.ctc).toBeCloseTo(same.opinions[0], 8)
          expect(scores.languageModel).toBeCloseTo(same.opinions[1], 8)
        }
        expect(complete[0]!.tokenIds).toEqual(expected[0]!.tokenIds)
      }
      search.dispose()
    }, 60_000)
  })

  it('refuses options out of range, and a state of the wrong number of rows', async () => {
    const step = tableStep(tf.zeros([20, V]), V)
    const refused = (changed: Partial<AttentionBeamSearchOptions>, message: string) =>
      expect(() => new AttentionBeamSearch(step, { ...options, ...changed })).toThrow(message)
    refused({ maxLength: 0 }, 'maxLength is 0')
    refused({ minLength: LENGTH }, `minLength is ${LENGTH}, maxLength ${LENGTH}`)
    refused({ beamWidth: 4, candidates: 4 }, 'candidates is 4')
    refused({ temperature: 0 }, 'temperature is 0')
    refused({ lengthPenalty: Number.NaN }, 'lengthPenalty is NaN')
    const search = new AttentionBeamSearch(step, options)
    const state = tf.zeros([V]) as tf.Tensor1D
    await expect(search.search({ batch: 1, state, memory: undefined })).rejects.toThrow(ConfigError)
  })
})

/** CTC's probability of every text, by adding up all paths; token 0 is the blank. */
const ctcOfAll = (logProbs: Float64Array, size: number): Map<string, number> => {
  let sums = new Map<string, number>([['|0', 1]])
  for (let at = 0; at < logProbs.length; at += size) {
    const next = new Map<string, number>()
    for (const [key, p] of sums) {
      const [text, last] = key.split('|') as [string, string]
      for (let token = 0; token < size; token++) {
        const isNew = token !== 0 && String(token) !== last
        const longer = isNew ? (text === '' ? `${token}` : `${text},${token}`) : text
        const to = `${longer}|${token}`
        next.set(to, (next.get(to) ?? 0) + p * Math.exp(logProbs[at + token]!))
      }
    }
    sums = next
  }
  const texts = new Map<string, number>()
  for (const [key, p] of sums) {
    const [text] = key.split('|') as [string]
    texts.set(text, (texts.get(text) ?? 0) + p)
  }
  return texts
}

describe('ctcPrefixScorer', () => {
  it('never hears a token that CTC does not have', () => {
    const logProbs = [Float64Array.of(-1, -0.5, -1, -0.5)]
    const { start, score, next } = ctcPrefixScorer({ logProbs, vocabularySize: 2, endId: 9, weight: 1 })
    expect(score(start(0), 1)).toBeLessThan(0)
    expect(score(start(0), 2)).toBe(Number.NEGATIVE_INFINITY)
    expect(score(next(start(0), 2), 1)).toBe(Number.NEGATIVE_INFINITY)
  })
})
