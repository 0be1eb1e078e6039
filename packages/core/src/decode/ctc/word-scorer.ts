import { growFloat64, growInt32 } from '../ngram/grow'
import type { NgramModel } from '../ngram/index'
import type { PrefixScorer } from './prefix-scorer'
import type { WordTrie } from './word-trie'

/** Unknown words get less the longer they are beyond this many letters. */
const USUAL_LETTERS = 6

export interface ScorerModel {
  readonly model: NgramModel
  readonly unit: 'word' | 'token'
  /** Weight of natural log probabilities, and bonus of each word (or token). */
  readonly alpha: number
  readonly beta: number
  /** Added to the log10 probability of words that the model does not know; negative. */
  readonly unknownOffset: number
  readonly boundaries: boolean
  /** The model's number of each token, where tokens are what it counts. */
  readonly tokenIds: Int32Array
}

export interface WordScorerOptions {
  /** The token between words, or -1. */
  readonly delimiter: number
  /** 1 for tokens that begin a word by themselves, such as word pieces. */
  readonly startsWord: Uint8Array
  /** What each token spells, in the tries' symbols. */
  readonly symbols: readonly ArrayLike<number>[]
  readonly model: ScorerModel | undefined
  /** The words that may be said, or (`isClosed` false) those that the model knows. */
  readonly words: WordTrie | undefined
  /** Whether only these words may be said. */
  readonly isClosed: boolean
  /** The model's number of each word of the lexicon, or -1; undefined where the trie's numbers are the model's. */
  readonly modelIds: Int32Array | undefined
  readonly hotWords: WordTrie | undefined
  /** Which words of a closed lexicon are hot; its spellings alone do not say. */
  readonly hotEntries: ReadonlySet<number>
  readonly hotWordWeight: number
  /** Whether a text that ends between words is given an unknown, empty word. */
  readonly unknownAfterDelimiter: boolean
}

/** Scores prefixes by the words that they spell, or by their tokens: the part of Hannun et al. 2014, section 3, that knows words. */
export class WordScorer implements PrefixScorer {
  readonly oneWay: boolean
  /** What one token can add to what is settled. */
  readonly #most: number
  count = 0
  words = new Int32Array(8)
  bonuses = new Float64Array(8)
  hotBonuses = new Float64Array(8)
  readonly #options: WordScorerOptions
  /** Weight of log10 probabilities. */
  readonly #weight: number
  // Of each prefix: the word at its end as far as it goes, in both tries and symbols; the model's state; what is settled.
  #trieNode = new Int32Array(0)
  #hotNode = new Int32Array(0)
  #letters = new Int32Array(0)
  #state = new Int32Array(0)
  #settled = new Float64Array(0)
  #hot = new Float64Array(0)

  constructor(options: WordScorerOptions) {
    this.#options = options
    this.#weight = (options.model?.alpha ?? 0) * Math.LN10
    const { model, hotWords, hotWordWeight } = options
    // Of a word and the next one's beginning both may be hot. Probabilities only take away, if they count as they should.
    const hot = hotWords ? 2 * Math.max(0, hotWordWeight) : 0
    const isUsual = model === undefined || (model.alpha >= 0 && model.unknownOffset <= 0)
    this.#most = isUsual ? hot + Math.max(0, model?.beta ?? 0) : Number.POSITIVE_INFINITY
    this.oneWay = !options.isClosed || options.delimiter >= 0
  }

  reset(): void {
    const { model } = this.#options
    const state = model ? (model.boundaries ? model.model.startState : model.model.emptyState) : 0
    this.#store(0, 0, 0, 0, state, 0, 0)
  }

  highestBonus(prefix: number): number {
    return this.#settled[prefix]! + this.#hot[prefix]! + this.#most
  }

  extend(prefix: number, token: number): void {
    const { isClosed, delimiter, words } = this.#options
    this.count = 0
    if (!isClosed) {
      this.#addWay(-1, this.#bonusOf(prefix, token, -1))
      return
    }
    const node = this.#trieNode[prefix]!
    if (token === delimiter) {
      for (let word = words!.word(node); word >= 0; word = words!.sameSpelling(word)) {
        this.#addWay(word, this.#bonusOf(prefix, token, word))
      }
      return
    }
    const symbols = this.#options.symbols[token]!
    if (words!.walk(node, symbols) >= 0) this.#addWay(-1, this.#bonusOf(prefix, token, -1))
    // Without a token between words, one ends wherever the lexicon lets it and the next can begin.
    if (delimiter >= 0 || this.#letters[prefix] === 0 || words!.walk(0, symbols) < 0) return
    for (let word = words!.word(node); word >= 0; word = words!.sameSpelling(word)) {
      this.#addWay(word, this.#bonusOf(prefix, token, word))
    }
  }

  keep(node: number, prefix: number, token: number, word: number): number {
    const { model, words, hotWords, symbols, delimiter } = this.#options
    const ends = this.#endsWord(prefix, token, word)
    let state = this.#state[prefix]!
    if (ends && model?.unit === 'word') state = model.model.next(state, this.#modelId(prefix, word))
    if (model?.unit === 'token') state = model.model.next(state, model.tokenIds[token]!)
    const begins = ends || this.#letters[prefix] === 0
    const spelled = token === delimiter ? [] : symbols[token]!
    this.#store(
      node,
      words ? words.walk(begins ? 0 : this.#trieNode[prefix]!, spelled) : 0,
      hotWords ? hotWords.walk(begins ? 0 : this.#hotNode[prefix]!, spelled) : 0,
      (begins ? 0 : this.#letters[prefix]!) + spelled.length,
      state,
      this.#settled[prefix]! + this.#modelScore(prefix, token, word, ends),
      this.#hot[prefix]! + (ends ? this.#hotScore(prefix, word) : 0),
    )
    return (
      this.#settled[node]! +
      this.#hot[node]! +
      this.#partialScore(this.#trieNode[node]!, this.#hotNode[node]!, this.#letters[node]!)
    )
  }

  finish(prefix: number): void {
    const { isClosed, words } = this.#options
    this.count = 0
    if (this.#letters[prefix] === 0 && !this.#options.unknownAfterDelimiter) this.finishWithout(prefix)
    else if (!isClosed) this.#addEnd(prefix, -1)
    else {
      for (let word = words!.word(this.#trieNode[prefix]!); word >= 0; word = words!.sameSpelling(word)) {
        this.#addEnd(prefix, word)
      }
    }
  }

  finishWithout(prefix: number): void {
    this.count = 0
    const score = this.#settled[prefix]! + this.#sentenceEnd(this.#state[prefix]!)
    this.#addWay(-1, score + this.#hot[prefix]!, this.#hot[prefix]!)
  }

  /** The end of the utterance, with the word at the end of `prefix` complete. */
  #addEnd(prefix: number, word: number): void {
    const { model } = this.#options
    const state = this.#state[prefix]!
    const id = model?.unit === 'word' ? this.#modelId(prefix, word) : -1
    const last = id < 0 ? 0 : this.#wordScore(prefix, word)
    const hot = this.#hot[prefix]! + this.#hotScore(prefix, word)
    const end = this.#sentenceEnd(id < 0 ? state : model!.model.next(state, id))
    this.#addWay(word, this.#settled[prefix]! + last + end + hot, hot)
  }

  #addWay(word: number, bonus: number, hot = 0): void {
    if (this.count === this.words.length) {
      this.words = growInt32(this.words, this.count + 1)
      this.bonuses = growFloat64(this.bonuses, this.words.length)
      this.hotBonuses = growFloat64(this.hotBonuses, this.words.length)
    }
    this.words[this.count] = word
    this.hotBonuses[this.count] = hot
    this.bonuses[this.count++] = bonus
  }

  #endsWord(prefix: number, token: number, word: number): boolean {
    const { delimiter, startsWord, isClosed } = this.#options
    if (isClosed) return word >= 0
    return this.#letters[prefix]! > 0 && (token === delimiter || startsWord[token] === 1)
  }

  #bonusOf(prefix: number, token: number, word: number): number {
    const { words, hotWords, symbols, delimiter } = this.#options
    const ends = this.#endsWord(prefix, token, word)
    const settled = this.#settled[prefix]! + this.#hot[prefix]! + this.#modelScore(prefix, token, word, ends)
    const hot = ends ? this.#hotScore(prefix, word) : 0
    if (token === delimiter) return settled + hot
    const begins = ends || this.#letters[prefix] === 0
    const spelled = symbols[token]!
    const trieNode = words && !this.#options.isClosed ? words.walk(begins ? 0 : this.#trieNode[prefix]!, spelled) : 0
    const hotNode = hotWords ? hotWords.walk(begins ? 0 : this.#hotNode[prefix]!, spelled) : 0
    return settled + hot + this.#partialScore(trieNode, hotNode, (begins ? 0 : this.#letters[prefix]!) + spelled.length)
  }

  /** What a word that is still being spelled is given for the time being. */
  #partialScore(trieNode: number, hotNode: number, letters: number): number {
    const { hotWords, hotWordWeight, model } = this.#options
    if (letters === 0) return 0
    if (hotWords && hotNode > 0) return (hotWordWeight * letters) / hotWords.shortestThrough(hotNode)
    if (trieNode >= 0 || model?.unit !== 'word') return 0
    return model.unknownOffset * Math.max(1, letters / USUAL_LETTERS)
  }

  /** What the model adds for the token, or for the word that it ends. */
  #modelScore(prefix: number, token: number, word: number, ends: boolean): number {
    const { model } = this.#options
    if (model === undefined) return 0
    if (model.unit === 'word') return ends ? this.#wordScore(prefix, word) : 0
    return this.#weight * model.model.logProb10(this.#state[prefix]!, model.tokenIds[token]!) + model.beta
  }

  #wordScore(prefix: number, word: number): number {
    const { model, modelIds, words } = this.#options
    const known = (modelIds ? (modelIds[word] ?? -1) : words!.word(this.#trieNode[prefix]!)) >= 0
    const logProb = model!.model.logProb10(this.#state[prefix]!, this.#modelId(prefix, word))
    return this.#weight * (known ? logProb : logProb + model!.unknownOffset) + model!.beta
  }

  /** The model's number of the word at the end of a prefix. */
  #modelId(prefix: number, word: number): number {
    const { model, modelIds, words } = this.#options
    const id = modelIds ? (modelIds[word] ?? -1) : words!.word(this.#trieNode[prefix]!)
    return id >= 0 ? id : model!.model.unknownId
  }

  /** What the word at the end of a prefix adds if it is hot. */
  #hotScore(prefix: number, word: number): number {
    const { isClosed, hotWords, hotEntries, hotWordWeight } = this.#options
    const isHot = isClosed ? hotEntries.has(word) : hotWords !== undefined && hotWords.word(this.#hotNode[prefix]!) >= 0
    return isHot ? hotWordWeight : 0
  }

  #sentenceEnd(state: number): number {
    const { model } = this.#options
    return model?.boundaries ? this.#weight * model.model.logProb10(state, model.model.endId) : 0
  }

  #store(
    node: number,
    trieNode: number,
    hotNode: number,
    letters: number,
    state: number,
    settled: number,
    hot: number,
  ): void {
    if (node >= this.#trieNode.length) {
      this.#trieNode = growInt32(this.#trieNode, node + 1)
      this.#hotNode = growInt32(this.#hotNode, node + 1)
      this.#letters = growInt32(this.#letters, node + 1)
      this.#state = growInt32(this.#state, node + 1)
      this.#settled = growFloat64(this.#settled, node + 1)
      this.#hot = growFloat64(this.#hot, node + 1)
    }
    this.#trieNode[node] = trieNode
    this.#hotNode[node] = hotNode
    this.#letters[node] = letters
    this.#state[node] = state
    this.#settled[node] = settled
    this.#hot[node] = hot
  }
}
