import { growFloat64, growInt32 } from '../ngram/grow'

const NEVER = Number.NEGATIVE_INFINITY

/**
 * All prefixes that a search has kept at some frame, as a tree in typed arrays. Node 0 is the empty prefix. A child differs from its
 * siblings by its token and, where a lexicon leaves that open, by the word that ended before the token.
 */
export class PrefixTree {
  size = 0
  parent = new Int32Array(0)
  token = new Int32Array(0)
  /** The lexicon's word that ended with the parent, or -1. */
  endedWord = new Int32Array(0)
  firstChild = new Int32Array(0)
  nextSibling = new Int32Array(0)
  /** Log probability of the paths to the prefix that end with a blank, or with its last token. */
  blank = new Float64Array(0)
  nonBlank = new Float64Array(0)
  /** The same for the frame at hand. */
  nextBlank = new Float64Array(0)
  nextNonBlank = new Float64Array(0)
  /** What is added to the acoustic score when prefixes are compared. */
  bonus = new Float64Array(0)
  /** The last frame after which the prefix was in the beam. */
  frame = new Int32Array(0)

  /** @param token what the empty prefix counts as: the word delimiter, or -1. */
  reset(token: number): void {
    this.size = 0
    this.add(-1, token, -1)
    this.blank[0] = 0
    this.frame[0] = -1
  }

  add(parent: number, token: number, endedWord: number): number {
    const node = this.size++
    if (node >= this.parent.length) this.#grow()
    this.parent[node] = parent
    this.token[node] = token
    this.endedWord[node] = endedWord
    this.firstChild[node] = -1
    this.nextSibling[node] = -1
    this.blank[node] = NEVER
    this.nonBlank[node] = NEVER
    this.bonus[node] = 0
    this.frame[node] = -2
    if (parent >= 0) {
      this.nextSibling[node] = this.firstChild[parent]!
      this.firstChild[parent] = node
    }
    return node
  }

  /** The child of a node with this token and ended word, or -1. */
  child(node: number, token: number, endedWord: number): number {
    for (let at = this.firstChild[node]!; at >= 0; at = this.nextSibling[at]!) {
      if (this.token[at] === token && this.endedWord[at] === endedWord) return at
    }
    return -1
  }

  /** The tokens of a prefix. */
  tokensOf(node: number): number[] {
    const tokens: number[] = []
    for (let at = node; at > 0; at = this.parent[at]!) tokens.push(this.token[at]!)
    return tokens.reverse()
  }

  /** The words of the lexicon that have ended in a prefix. */
  endedWordsOf(node: number): number[] {
    const words: number[] = []
    for (let at = node; at > 0; at = this.parent[at]!) if (this.endedWord[at]! >= 0) words.push(this.endedWord[at]!)
    return words.reverse()
  }

  #grow(): void {
    const need = this.size
    this.parent = growInt32(this.parent, need)
    this.token = growInt32(this.token, need)
    this.endedWord = growInt32(this.endedWord, need)
    this.firstChild = growInt32(this.firstChild, need)
    this.nextSibling = growInt32(this.nextSibling, need)
    this.frame = growInt32(this.frame, need)
    this.blank = growFloat64(this.blank, need)
    this.nonBlank = growFloat64(this.nonBlank, need)
    this.nextBlank = growFloat64(this.nextBlank, need)
    this.nextNonBlank = growFloat64(this.nextNonBlank, need)
    this.bonus = growFloat64(this.bonus, need)
  }
}
