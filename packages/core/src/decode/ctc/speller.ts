import type { LexiconEntry } from '../lexicon'
import type { PrefixTree } from './prefix-tree'

/** The mark with which word pieces that begin a word begin. */
export const WORD_START = '▁'

/** A word of a prefix, and its tokens `[from, to)`. */
export interface SpelledWord {
  readonly word: string
  readonly from: number
  readonly to: number
}

/** Turns prefixes of the search into words. */
export class Speller {
  readonly #hasWords: boolean

  constructor(
    private readonly labels: readonly string[],
    private readonly delimiter: number,
    private readonly lexicon: readonly LexiconEntry[] | undefined,
  ) {
    this.#hasWords = lexicon !== undefined || delimiter >= 0 || labels.some((label) => label.startsWith(WORD_START))
  }

  /** The words as a text; a vocabulary without words has one "word" only. */
  text(words: readonly SpelledWord[]): string {
    return words.map(({ word }) => word).join(this.#hasWords ? ' ' : '')
  }

  /** @param last the lexicon's word that the prefix ends with, or -1 where the spelling says it. */
  words(tree: PrefixTree, prefix: number, last: number): SpelledWord[] {
    return this.lexicon ? this.#fromLexicon(tree, prefix, last) : this.#fromLabels(tree.tokensOf(prefix))
  }

  #fromLabels(tokens: readonly number[]): SpelledWord[] {
    const words: { word: string; from: number; to: number }[] = []
    let isOpen = false
    tokens.forEach((token, i) => {
      if (token === this.delimiter) {
        isOpen = false
        return
      }
      const label = this.labels[token]!
      const begins = this.delimiter < 0 && label.startsWith(WORD_START)
      const spelled = begins ? label.slice(WORD_START.length) : label
      if (isOpen && !(begins && words.at(-1)!.word !== '')) {
        words.at(-1)!.word += spelled
        words.at(-1)!.to = i + 1
      } else words.push({ word: spelled, from: i, to: i + 1 })
      isOpen = true
    })
    return words.filter(({ word }) => word !== '')
  }

  #fromLexicon(tree: PrefixTree, prefix: number, last: number): SpelledWord[] {
    const nodes: number[] = []
    for (let at = prefix; at > 0; at = tree.parent[at]!) nodes.push(at)
    nodes.reverse()
    const words: SpelledWord[] = []
    let from = 0
    nodes.forEach((node, i) => {
      const ended = tree.endedWord[node]!
      if (ended < 0) return
      words.push({ word: this.lexicon![ended]!.word, from, to: i })
      from = tree.token[node] === this.delimiter ? i + 1 : i
    })
    if (last >= 0) words.push({ word: this.lexicon![last]!.word, from, to: nodes.length })
    return words
  }
}
