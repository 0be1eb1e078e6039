import { growFloat32 } from './grow'
import { NgramModel } from './ngram-model'
import { PairTable } from './pair-table'
import { WordTable } from './word-table'

/** What an unknown word gets where the model has no `<unk>`: as good as never, as in KenLM. */
const NEVER_LOG10 = -100

/**
 * Fills the tables of an {@link NgramModel}: all 1-grams first, then the 2-grams, and so on. Its nodes are the contexts: 0 is the
 * empty one, `1 + word` the 1-grams, then the n-grams below the highest order; those of the highest order are kept apart, as
 * nothing follows them.
 */
export class NgramBuilder {
  readonly vocabulary = new WordTable()
  #logProb: Float32Array<ArrayBuffer>
  #backoff: Float32Array<ArrayBuffer>
  readonly #inner: PairTable
  readonly #top: PairTable
  #topLogProb: Float32Array<ArrayBuffer>
  /** Contexts that the n-grams named without listing them; their probability follows from shorter ones. */
  readonly #implied: number[] = []
  #unigrams = -1

  /**
   * @param order words of the longest n-grams.
   * @param expected n-grams below the highest order above 1, and of the highest order, that room is made for at once.
   */
  constructor(
    readonly order: number,
    expected: { inner?: number; top?: number } = {},
  ) {
    this.#inner = new PairTable(expected.inner)
    this.#top = new PairTable(expected.top)
    this.#logProb = new Float32Array(1 + (expected.inner ?? 0))
    this.#backoff = new Float32Array(1 + (expected.inner ?? 0))
    this.#topLogProb = new Float32Array(expected.top ?? 0)
  }

  /** Adds the 1-gram of the word in `bytes[start, end)`; false if it is there already. */
  addUnigram(bytes: Uint8Array, start: number, end: number, logProb: number, backoff: number): boolean {
    const word = this.vocabulary.add(bytes, start, end)
    if (word < 0) return false
    this.#set(1 + word, logProb, backoff)
    return true
  }

  /** Adds the n-gram of the first `length` (2 or more) of `words`; false if it is there already. */
  add(words: Int32Array, length: number, logProb: number, backoff: number): boolean {
    if (this.#unigrams < 0) this.#closeUnigrams()
    const context = this.#context(words, length - 1)
    const word = words[length - 1]!
    const table = length === this.order ? this.#top : this.#inner
    if (table.find(context, word) >= 0) return false
    const index = table.add(context, word)
    if (table === this.#inner) this.#set(1 + this.#unigrams + index, logProb, backoff)
    else {
      this.#topLogProb = growFloat32(this.#topLogProb, index + 1)
      this.#topLogProb[index] = logProb
    }
    return true
  }

  build(): NgramModel {
    if (this.#unigrams < 0) this.#closeUnigrams()
    this.#inner.trim()
    this.#top.trim()
    const nodes = 1 + this.#unigrams + this.#inner.size
    const exact = (array: Float32Array<ArrayBuffer>, size: number) =>
      array.length === size ? array : array.slice(0, size)
    return new NgramModel({
      order: this.order,
      vocabulary: this.vocabulary,
      logProb: exact(this.#logProb, nodes),
      backoff: exact(this.#backoff, nodes),
      inner: this.#inner,
      top: this.#top,
      topLogProb: exact(this.#topLogProb, this.#top.size),
      implied: this.#implied,
    })
  }

  /** The node of the first `length` of `words`, made if the file did not list it. */
  #context(words: Int32Array, length: number): number {
    let node = 1 + words[0]!
    for (let i = 1; i < length; i++) {
      let index = this.#inner.find(node, words[i]!)
      if (index < 0) {
        index = this.#inner.add(node, words[i]!)
        this.#set(1 + this.#unigrams + index, Number.NaN, 0)
        this.#implied.push(1 + this.#unigrams + index)
      }
      node = 1 + this.#unigrams + index
    }
    return node
  }

  /** The nodes above the 1-grams are numbered from here on, so no word can be added any more. */
  #closeUnigrams(): void {
    if (this.vocabulary.idOf('<unk>') < 0 && this.vocabulary.idOf('<UNK>') < 0) {
      this.#set(1 + this.vocabulary.addWord('<unk>'), NEVER_LOG10, 0)
    }
    this.#unigrams = this.vocabulary.size
  }

  #set(node: number, logProb: number, backoff: number): void {
    this.#logProb = growFloat32(this.#logProb, node + 1)
    this.#backoff = growFloat32(this.#backoff, node + 1)
    this.#logProb[node] = logProb
    this.#backoff[node] = backoff
  }
}
