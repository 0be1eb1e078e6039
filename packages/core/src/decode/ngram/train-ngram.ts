import { ConfigError, DataError } from '../../errors'
import { growInt32 } from './grow'
import { NgramBuilder } from './ngram-builder'
import type { NgramModel } from './ngram-model'
import { PairTable } from './pair-table'

/** Discounts of n-grams seen once, twice, and three times or more. */
export type Discounts = readonly [number, number, number]

export interface TrainNgramOptions {
  /** Words of the longest n-grams. */
  readonly order: number
  /** What sentences are made of: `word`s between white space, or `character`s (Unicode code points). Default `word`. */
  readonly unit?: 'word' | 'character'
  /** What a space between words is in a model of characters. Default `|`, as in the vocabularies of wav2vec 2.0. */
  readonly spaceToken?: string
  /**
   * Discounts of an order whose counts of counts give none, as happens with little text or few different units. Default
   * [0.5, 1, 1.5].
   */
  readonly discountFallback?: Discounts
}

const UNKNOWN = 0
const START = 1
const END = 2
const SPECIAL = ['<unk>', '<s>', '</s>']

/**
 * Estimates an n-gram model from text with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999, section 4.1.6), with
 * KenLM's conventions (Heafield et al. 2013): orders below the highest count what different words an n-gram follows, except after
 * `<s>`; the 1-grams are interpolated with the uniform distribution over all words, `<unk>` and `</s>`. Nothing is pruned. All
 * n-grams are held in memory, at about 80 bytes each.
 *
 * @param sentences one sentence each, without `<s>` and `</s>`.
 * @throws ConfigError if an option is out of range; DataError if there is no text or a sentence holds a special word.
 */
export function trainNgram(sentences: Iterable<string>, options: TrainNgramOptions): NgramModel {
  const { order, unit = 'word', spaceToken = '|', discountFallback = [0.5, 1, 1.5] } = options
  if (!Number.isInteger(order) || order < 1 || order > 255) {
    throw new ConfigError(`order is ${order}.`, { field: 'order', cure: 'Use a whole number from 1 to 255.' })
  }
  if (discountFallback.some((discount, i) => !(discount >= 0 && discount <= i + 1))) {
    throw new ConfigError(`discountFallback is [${discountFallback}].`, {
      field: 'discountFallback',
      cure: 'Each discount must be between 0 and its count.',
    })
  }
  const split = unit === 'word' ? wordUnits : (text: string) => characterUnits(text, spaceToken)
  const counted = new NgramCounts(order)
  for (const sentence of sentences) counted.add(split(sentence))
  if (counted.sentences === 0) throw new DataError('There are no sentences to train on.', { field: 'sentences' })
  return estimate(counted, discountFallback)
}

/** The words of a text, as {@link trainNgram} sees them. */
export const wordUnits = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

/** The characters of a text, as {@link trainNgram} sees them: runs of white space are one `spaceToken`, none at the ends. */
export const characterUnits = (text: string, spaceToken = '|'): string[] => {
  if (text.includes(spaceToken)) {
    throw new DataError(
      `The text ${JSON.stringify(text.slice(0, 60))} holds "${spaceToken}", which is to stand for a space.`,
      {
        field: 'spaceToken',
        cure: 'Choose one that does not occur.',
      },
    )
  }
  return [...text.trim().replace(/\s+/g, ' ')].map((character) => (character === ' ' ? spaceToken : character))
}

/** How often each n-gram up to an order occurs: a trie whose node 0 is the empty n-gram, node `i + 1` the table's pair `i`. */
class NgramCounts {
  readonly words = new Map(SPECIAL.map((word, id) => [word, id]))
  readonly table = new PairTable()
  counts = new Int32Array(16)
  sentences = 0

  constructor(readonly order: number) {}

  add(units: readonly string[]): void {
    this.sentences++
    const ids = new Int32Array(units.length + 2)
    ids[0] = START
    ids[ids.length - 1] = END
    units.forEach((word, i) => {
      let id = this.words.get(word)
      if (id === undefined) {
        id = this.words.size
        this.words.set(word, id)
      } else if (id < SPECIAL.length) {
        throw new DataError(`sentence ${this.sentences} holds the word ${word}.`, {
          field: 'sentences',
          cure: 'Leave it out: sentence boundaries are added, and words that are not seen are unknown.',
        })
      }
      ids[i + 1] = id
    })
    for (let start = 0; start < ids.length; start++) {
      let node = 0
      for (let i = start; i < Math.min(ids.length, start + this.order); i++) node = this.#count(node, ids[i]!)
    }
  }

  #count(node: number, word: number): number {
    let index = this.table.find(node, word)
    if (index < 0) {
      index = this.table.add(node, word)
      this.counts = growInt32(this.counts, index + 2)
    }
    this.counts[index + 1]!++
    return index + 1
  }
}

function estimate(counted: NgramCounts, fallback: Discounts): NgramModel {
  const { order, table } = counted
  const nodes = table.size + 1
  const length = new Uint8Array(nodes)
  /** The node of an n-gram without its first word. */
  const shorter = new Int32Array(nodes)
  const afterStart = new Uint8Array(nodes)
  for (let node = 1; node < nodes; node++) {
    const context = table.first(node - 1)
    const word = table.second(node - 1)
    length[node] = length[context]! + 1
    afterStart[node] = context === 0 ? Number(word === START) : afterStart[context]!
    shorter[node] = context === 0 ? 0 : table.find(shorter[context]!, word) + 1
  }
  const counts = adjustedCounts(counted, { length, shorter, afterStart })
  const discounts = Array.from({ length: order }, (_, i) => discountsOf(counts, length, i + 1, fallback))
  const discount = (node: number) => discounts[length[node]! - 1]![Math.min(3, counts[node]!) - 1]!

  // What a context's words were seen together, and what discounting takes from them.
  const total = new Float64Array(nodes)
  const freed = new Float64Array(nodes)
  for (let node = 1; node < nodes; node++) {
    if (counts[node] === 0) continue
    const context = table.first(node - 1)
    total[context]! += counts[node]!
    freed[context]! += discount(node)
  }
  const backoff = (context: number) => (total[context] === 0 ? 1 : freed[context]! / total[context]!)

  const byLength = nodesByLength(length, order)
  const probability = new Float64Array(nodes)
  const uniform = backoff(0) / (counted.words.size - 1)
  for (const level of byLength) {
    for (const node of level) {
      if (counts[node] === 0) continue
      const context = table.first(node - 1)
      const own = (counts[node]! - discount(node)) / total[context]!
      probability[node] = own + (context === 0 ? uniform : backoff(context) * probability[shorter[node]!]!)
    }
  }

  const inner = byLength.slice(1, -1).reduce((sum, level) => sum + level.length, 0)
  const builder = new NgramBuilder(order, { inner, top: order === 1 ? 0 : byLength[order - 1]!.length })
  const encoder = new TextEncoder()
  for (const [word, id] of counted.words) {
    const bytes = encoder.encode(word)
    const node = table.find(0, id) + 1
    // <s> is never predicted; toolkits write its log probability as 0.
    const logProb = id === START ? 0 : log10(id === UNKNOWN ? uniform : probability[node]!)
    builder.addUnigram(bytes, 0, bytes.length, logProb, node === 0 ? 0 : log10(backoff(node)))
  }
  const words = new Int32Array(order)
  for (const level of byLength.slice(1)) {
    for (const node of level) {
      for (let at = node, i = length[node]! - 1; at > 0; at = table.first(at - 1), i--) words[i] = table.second(at - 1)
      const weight = length[node] === order ? 0 : log10(backoff(node))
      builder.add(words, length[node]!, log10(probability[node]!), weight)
    }
  }
  return builder.build()
}

/** log10 of a probability, -99 for one of 0, as in ARPA files; rounding must not take it above 0. */
const log10 = (p: number): number => (p > 0 ? Math.min(0, Math.log10(p)) : -99)

interface Shape {
  readonly length: Uint8Array
  readonly shorter: Int32Array
  readonly afterStart: Uint8Array
}

/** Counts of the highest order and after `<s>`; below, how many different words come before. */
const adjustedCounts = ({ order, counts }: NgramCounts, { length, shorter, afterStart }: Shape): Int32Array => {
  const adjusted = new Int32Array(length.length)
  for (let node = 1; node < length.length; node++) {
    if (length[node] === order || afterStart[node]) adjusted[node] = counts[node]!
    if (length[node]! > 1 && !afterStart[shorter[node]!]) adjusted[shorter[node]!]!++
  }
  // <s> alone is not a word that can follow anything.
  for (let node = 1; node < length.length; node++) if (length[node] === 1 && afterStart[node]) adjusted[node] = 0
  return adjusted
}

/** Chen and Goodman's discounts of an order from how many of its n-grams were counted once, twice, three and four times. */
const discountsOf = (counts: Int32Array, length: Uint8Array, order: number, fallback: Discounts): Discounts => {
  const seen = [0, 0, 0, 0, 0]
  for (let node = 1; node < length.length; node++) {
    if (length[node] === order && counts[node]! <= 4) seen[counts[node]!]!++
  }
  const [, once, twice, thrice] = seen as [number, number, number, number, number]
  if (once === 0 || twice === 0 || thrice === 0) return fallback
  const share = once / (once + 2 * twice)
  const discounts = [1, 2, 3].map((k) => k - ((k + 1) * share * seen[k + 1]!) / seen[k]!) as [number, number, number]
  return discounts.every((discount, i) => discount >= 0 && discount <= i + 1) ? discounts : fallback
}

const nodesByLength = (length: Uint8Array, order: number): Int32Array[] => {
  const sizes = new Int32Array(order + 1)
  for (const n of length) sizes[n]!++
  const levels = Array.from({ length: order }, (_, i) => new Int32Array(sizes[i + 1]!))
  const filled = new Int32Array(order)
  for (let node = 1; node < length.length; node++) {
    const level = length[node]! - 1
    levels[level]![filled[level]!++] = node
  }
  return levels
}
