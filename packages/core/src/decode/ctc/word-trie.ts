import { growInt32 } from '../ngram/grow'
import { PairTable } from '../ngram/pair-table'

/** Words by their spelling, in symbols (code points or tokens). Node 0 is the empty spelling. */
export class WordTrie {
  readonly #edges = new PairTable()
  /** The first word spelled by a node, and the next one with the spelling of a word; -1 for none. */
  #wordAt = new Int32Array(16).fill(-1)
  #next = new Int32Array(16).fill(-1)
  /** Symbols of the shortest word that goes through a node. */
  #shortest = new Int32Array(16)

  /** Adds a word under its number. The same word may be added with several spellings under several numbers. */
  add(word: number, symbols: ArrayLike<number>): void {
    let node = 0
    for (let i = 0; i < symbols.length; i++) {
      const index = this.#edges.find(node, symbols[i]!)
      node = 1 + (index >= 0 ? index : this.#edges.add(node, symbols[i]!))
      this.#shortest = growInt32(this.#shortest, node + 1)
      const before = this.#shortest[node]!
      if (before === 0 || symbols.length < before) this.#shortest[node] = symbols.length
    }
    const nodes = this.#wordAt.length
    this.#wordAt = growInt32(this.#wordAt, node + 1)
    this.#wordAt.fill(-1, nodes)
    const words = this.#next.length
    this.#next = growInt32(this.#next, word + 1)
    this.#next.fill(-1, words)
    this.#next[word] = this.#wordAt[node]!
    this.#wordAt[node] = word
  }

  /** The node after `symbols`, or -1; -1 from -1. */
  walk(node: number, symbols: ArrayLike<number>): number {
    let at = node
    for (let i = 0; at >= 0 && i < symbols.length; i++) {
      const index = this.#edges.find(at, symbols[i]!)
      at = index < 0 ? -1 : 1 + index
    }
    return at
  }

  /** The first word that a node spells, or -1. */
  word(node: number): number {
    return node >= 0 && node < this.#wordAt.length ? this.#wordAt[node]! : -1
  }

  /** The next word with the same spelling as `word`, or -1. */
  sameSpelling(word: number): number {
    return this.#next[word]!
  }

  /** Symbols of the shortest word that begins as the node does. */
  shortestThrough(node: number): number {
    return this.#shortest[node]!
  }
}
