/**
 * What beside the acoustics decides between prefixes: language model, lexicon, hot words. The search numbers the prefixes (0 is the
 * empty one) and asks before it makes one.
 */
export interface PrefixScorer {
  /** Whether a prefix and a token make one prefix at most: false where a lexicon leaves open which word ended before the token. */
  readonly oneWay: boolean
  /** Starts an utterance: prefix 0 is the empty one. */
  reset(): void
  /** No token can give `prefix` a higher bonus than this. */
  highestBonus(prefix: number): number
  /**
   * Works out in what ways `token` can follow `prefix`, each of which is a prefix of its own: {@link count}, {@link words} and
   * {@link bonuses}. None where a lexicon forbids it.
   */
  extend(prefix: number, token: number): void
  /** Ways found by the last call. */
  readonly count: number
  /** For each way the lexicon's word that ended before the token, or -1. */
  readonly words: Int32Array
  /** For each way what is added to the acoustic score. */
  readonly bonuses: Float64Array
  /** For each way that {@link finish} found, the hot words' part of the bonus. */
  readonly hotBonuses: Float64Array
  /** The search keeps `prefix` + `token` as `node`; `word` is one of {@link words}. Returns its bonus. */
  keep(node: number, prefix: number, token: number, word: number): number
  /**
   * Works out in what ways an utterance can end with `prefix`, the end of the sentence scored too; none if its last word is not
   * complete.
   */
  finish(prefix: number): void
  /** As {@link finish}, one way: the last word, which is not complete, is left out. */
  finishWithout(prefix: number): void
}
