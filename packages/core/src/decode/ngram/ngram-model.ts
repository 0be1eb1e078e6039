import { DataError } from '../../errors'
import type { PairTable } from './pair-table'
import type { WordTable } from './word-table'

/** The tables of a model, as its builder leaves them: see `NgramBuilder`. */
export interface NgramTables {
  readonly order: number
  readonly vocabulary: WordTable
  /** log10 probability and back-off weight of each node. */
  readonly logProb: Float32Array
  readonly backoff: Float32Array
  /** Edges (node, word) to the nodes above the 1-grams, and to the n-grams of the highest order. */
  readonly inner: PairTable
  readonly top: PairTable
  readonly topLogProb: Float32Array
  /** Nodes without a probability of their own. */
  readonly implied: readonly number[]
}

/** One n-gram, as {@link NgramModel.ngrams} lists it. */
export interface Ngram {
  readonly words: readonly number[]
  /** log10 */
  readonly logProb: number
  /** log10; 0 for the highest order. */
  readonly backoff: number
}

/**
 * A back-off n-gram model over words or any other units: `log10 p(w | context)` is that of the longest n-gram that ends the context
 * with `w`, plus the back-off weights of the longer contexts (Katz 1987). What has been said is a *state*, one whole number: the
 * longest context that the model knows.
 */
export class NgramModel {
  /** Words of the longest n-grams. */
  readonly order: number
  /** n-grams of each order, from 1. */
  readonly counts: readonly number[]
  /** Number of `<unk>`, which words outside the vocabulary are. */
  readonly unknownId: number
  /** Number of `</s>`, the end of a sentence. */
  readonly endId: number
  /** Before anything was said, not even that a sentence begins. */
  readonly emptyState = 0
  /** After `<s>`. */
  readonly startState: number
  readonly #tables: NgramTables
  /** The node of a node's words but the first: where scoring goes on when a context does not know a word. */
  readonly #shorter: Int32Array
  /** Words of a node. */
  readonly #length: Uint8Array
  readonly #firstInner: number

  /** @throws DataError if `<s>` or `</s>` is not among the words. */
  constructor(tables: NgramTables, file?: string) {
    this.order = tables.order
    this.#tables = tables
    const { vocabulary } = tables
    const idOf = (word: string) => {
      const id = vocabulary.idOf(word)
      if (id < 0) {
        throw new DataError(`the model has no ${word}.`, {
          ...(file !== undefined && { file }),
          field: '1-grams',
          cure: 'Train it on sentences with their boundaries, as every toolkit does by default.',
        })
      }
      return id
    }
    const unknown = vocabulary.idOf('<unk>')
    this.unknownId = unknown >= 0 ? unknown : idOf('<UNK>')
    this.endId = idOf('</s>')
    this.#firstInner = 1 + vocabulary.size
    this.startState = this.order === 1 ? 0 : 1 + idOf('<s>')
    this.#length = this.#lengths()
    this.#shorter = this.#suffixes()
    this.#complete()
    this.counts = this.#counts()
  }

  /** Words of the vocabulary, `<s>`, `</s>` and `<unk>` included. */
  get vocabularySize(): number {
    return this.#tables.vocabulary.size
  }

  /** The word of a number. */
  word(id: number): string {
    return this.#tables.vocabulary.word(id)
  }

  /** Whether the model knows the word. */
  has(word: string): boolean {
    return this.#tables.vocabulary.idOf(word) >= 0
  }

  /** The number of a word; that of `<unk>` for one that the model does not know. */
  wordId(word: string): number {
    const id = this.#tables.vocabulary.idOf(word)
    return id >= 0 ? id : this.unknownId
  }

  /** log10 probability of a word after what `state` stands for. */
  logProb10(state: number, word: number): number {
    const { logProb, backoff, topLogProb } = this.#tables
    let weights = 0
    for (let node = state; node !== 0; node = this.#shorter[node]!) {
      if (this.#length[node] === this.order - 1) {
        const index = this.#tables.top.find(node, word)
        if (index >= 0) return weights + topLogProb[index]!
      } else {
        const child = this.#tables.inner.find(node, word)
        if (child >= 0) return weights + logProb[this.#firstInner + child]!
      }
      weights += backoff[node]!
    }
    return weights + logProb[1 + word]!
  }

  /** The state after a word. */
  next(state: number, word: number): number {
    for (let node = state; node !== 0; node = this.#shorter[node]!) {
      if (this.#length[node] === this.order - 1) continue
      const child = this.#tables.inner.find(node, word)
      if (child >= 0) return this.#firstInner + child
    }
    return this.order === 1 ? 0 : 1 + word
  }

  /**
   * log10 probability of a sentence.
   *
   * @param words the words, or a text whose words are separated by white space.
   * @param options.boundaries Whether it begins with `<s>` and ends with `</s>`, which counts as a word. Default true.
   */
  sentenceLogProb10(words: string | readonly string[], options: { boundaries?: boolean } = {}): number {
    const { boundaries = true } = options
    const list = typeof words === 'string' ? words.split(/\s+/).filter((word) => word !== '') : words
    let state = boundaries ? this.startState : this.emptyState
    let sum = 0
    for (const word of list) {
      const id = this.wordId(word)
      sum += this.logProb10(state, id)
      state = this.next(state, id)
    }
    return boundaries ? sum + this.logProb10(state, this.endId) : sum
  }

  /**
   * Perplexity of sentences: 10 to the mean negative log10 probability of a word, `</s>` counted as one. Unknown words count with
   * the probability of `<unk>`.
   */
  perplexity(sentences: Iterable<string | readonly string[]>): number {
    let sum = 0
    let count = 0
    for (const sentence of sentences) {
      const words = typeof sentence === 'string' ? sentence.split(/\s+/).filter((word) => word !== '') : sentence
      sum += this.sentenceLogProb10(words)
      count += words.length + 1
    }
    return count === 0 ? 1 : 10 ** (-sum / count)
  }

  /** The n-grams of an order, in the order in which they were added. */
  *ngrams(order: number): Generator<Ngram> {
    const { logProb, backoff, top, topLogProb } = this.#tables
    if (order === this.order && order > 1) {
      for (let i = 0; i < top.size; i++) {
        yield { words: [...this.#words(top.first(i)), top.second(i)], logProb: topLogProb[i]!, backoff: 0 }
      }
      return
    }
    for (let node = 1; node < this.#length.length; node++) {
      if (this.#length[node] !== order) continue
      yield { words: this.#words(node), logProb: logProb[node]!, backoff: backoff[node]! }
    }
  }

  #words(node: number): number[] {
    const words: number[] = []
    let at = node
    for (; at >= this.#firstInner; at = this.#tables.inner.first(at - this.#firstInner)) {
      words.push(this.#tables.inner.second(at - this.#firstInner))
    }
    words.push(at - 1)
    return words.reverse()
  }

  #lengths(): Uint8Array {
    const { inner } = this.#tables
    const lengths = new Uint8Array(this.#firstInner + inner.size).fill(1, 1, this.#firstInner)
    // A context is always added before what follows it.
    for (let i = 0; i < inner.size; i++) lengths[this.#firstInner + i] = lengths[inner.first(i)]! + 1
    return lengths
  }

  #suffixes(): Int32Array {
    const { inner } = this.#tables
    const shorter = new Int32Array(this.#length.length)
    for (let i = 0; i < inner.size; i++) {
      const word = inner.second(i)
      let node = shorter[inner.first(i)]!
      let found = -1
      // The suffix of a pruned model's n-gram may be missing; then its own longest suffix stands for it.
      for (; node !== 0 && found < 0; node = shorter[node]!) found = inner.find(node, word)
      shorter[this.#firstInner + i] = found >= 0 ? this.#firstInner + found : 1 + word
    }
    return shorter
  }

  /** Gives implied nodes the probability that backing off gives them, the shortest ones first. */
  #complete(): void {
    const { implied, inner, logProb, backoff } = this.#tables
    const byLength = [...implied].sort((a, b) => this.#length[a]! - this.#length[b]!)
    for (const node of byLength) {
      const context = inner.first(node - this.#firstInner)
      const word = inner.second(node - this.#firstInner)
      ;(logProb as Float32Array)[node] = backoff[context]! + this.logProb10(this.#shorter[context]!, word)
    }
  }

  #counts(): number[] {
    const counts = new Array<number>(this.order).fill(0)
    for (let node = 1; node < this.#length.length; node++) counts[this.#length[node]! - 1]!++
    if (this.order > 1) counts[this.order - 1] = this.#tables.top.size
    return counts
  }
}
