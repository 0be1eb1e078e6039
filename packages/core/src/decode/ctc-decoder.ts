import { ConfigError } from '../errors'
import { buildScorer } from './ctc/build-scorer'
import { checkCtcInput } from './ctc/check-input'
import { logAdd } from './ctc/log-add'
import type { PrefixScorer } from './ctc/prefix-scorer'
import { PrefixSearch } from './ctc/prefix-search'
import { type SpelledWord, Speller } from './ctc/speller'
import { forcedAlign, type TokenSpan } from './forced-align'
import type { LexiconEntry } from './lexicon'
import type { NgramModel } from './ngram/index'

/** A language model in the search: adds `alpha * ln p + beta` for each word (or token). */
export interface CtcLanguageModel {
  readonly model: NgramModel
  /** What the model counts: `word`s, or the vocabulary's `token`s (a character model). Default `word`. */
  readonly unit?: 'word' | 'token'
  /** Weight of the model's natural log probabilities. Default 0.5. */
  readonly alpha?: number
  /** Bonus of each word (or token), against the preference for few words. Default 1.5. */
  readonly beta?: number
  /** Added to the log10 probability of words that the model does not know. Default -10. */
  readonly unknownOffset?: number
  /** Whether an utterance is a sentence, with `<s>` before and `</s>` after it. Default true. */
  readonly boundaries?: boolean
}

export interface CtcDecoderOptions {
  /** The text of each token, by number. */
  readonly labels: readonly string[]
  /** Token that stands for "nothing here". Default 0. */
  readonly blankId?: number
  /**
   * The token between words; null for none. Default: that of the label " ", or else "|". Where there is none, tokens whose label begins
   * with "▁" begin a word.
   */
  readonly wordDelimiterId?: number | null
  /** Tokens that are never read, such as `<s>`. */
  readonly excludedIds?: readonly number[]
  readonly languageModel?: CtcLanguageModel
  /** The only words that may be said. Without a word delimiter they follow each other directly, as phonemes do. */
  readonly lexicon?: readonly LexiconEntry[]
  /** Words to be preferred; of several words together each is. */
  readonly hotWords?: readonly string[]
  /** Added to the score for each hot word. Default 10. */
  readonly hotWordWeight?: number
  /** Prefixes kept after each frame. Default 100. */
  readonly beamWidth?: number
  /** Tokens of a frame with a lower log probability are left out, but for the likeliest. Default -5. */
  readonly tokenMinLogProb?: number
  /** Prefixes whose score is lower than the best one's by more than this are dropped. Default -10. */
  readonly beamPruneLogProb?: number
  /**
   * `hannun` (default): the beam counts prefixes, and a word delimiter at the end ends the last word. `pyctcdecode`: as that library,
   * to compare with it: a prefix that ends in a blank and the same one that ends in its token are counted, and pruned, for themselves;
   * a text whose worst prefix ends in a word delimiter is scored with an unknown, empty word after it.
   */
  readonly conventions?: 'hannun' | 'pyctcdecode'
}

export interface CtcDecodeOptions {
  /** Transcriptions returned, at most. Default 1. */
  readonly nBest?: number
  /** Whether tokens and words get their frames. Default false. */
  readonly timestamps?: boolean
}

export interface TranscribedWord {
  readonly word: string
  /** Its first frame, and the one after its last, with `timestamps`. */
  readonly startFrame?: number
  readonly endFrame?: number
}

export interface CtcTranscription {
  readonly text: string
  readonly words: TranscribedWord[]
  /** The likeliest tokens of the text, without blanks and word delimiters at its end. */
  readonly tokenIds: number[]
  /** Where each token was said on the best path, with `timestamps`. */
  readonly tokens?: TokenSpan[]
  /** Natural log probability of all paths to the text that stayed within the beam. */
  readonly acousticScore: number
  /** The language model's part: `alpha * ln p + beta` for each word. */
  readonly languageModelScore: number
  readonly hotWordScore: number
  /** The sum of the three, which decides. */
  readonly score: number
  /** False if no word of the lexicon was complete at the end in any prefix: then the last one is left out. */
  readonly isComplete: boolean
}

/** A text as the search found it. */
interface Found {
  readonly prefix: number
  readonly spelled: SpelledWord[]
  readonly acoustic: number
  readonly bonus: number
  readonly hot: number
}

/**
 * CTC prefix beam search that knows words: with an n-gram model of words or of tokens, a lexicon, hot words, timestamps (Hannun et
 * al. 2014, algorithm 1; scores as in pyctcdecode). A decoder may be used for any number of utterances, one at a time.
 */
export class CtcDecoder {
  readonly #options: CtcDecoderOptions
  readonly #blankId: number
  readonly #delimiter: number
  readonly #speller: Speller
  readonly #scorer: PrefixScorer
  readonly #search: PrefixSearch

  /** @throws ConfigError if options do not fit the vocabulary or each other. */
  constructor(options: CtcDecoderOptions) {
    const { labels, blankId = 0, lexicon } = options
    this.#options = options
    this.#blankId = blankId
    this.#delimiter = delimiterOf(options)
    this.#speller = new Speller(labels, this.#delimiter, lexicon)
    this.#scorer = buildScorer(options, this.#delimiter)
    this.#search = new PrefixSearch({
      vocabularySize: labels.length,
      blankId,
      delimiter: this.#delimiter,
      beamWidth: options.beamWidth ?? 100,
      tokenMinLogProb: options.tokenMinLogProb ?? -5,
      beamPruneLogProb: options.beamPruneLogProb ?? -10,
      beamUnit: options.conventions === 'pyctcdecode' ? 'ending' : 'prefix',
      excluded: new Set(options.excludedIds),
      scorer: this.#scorer,
    })
  }

  /**
   * @param logProbs natural log probabilities of one utterance, `[frames, labels.length]`, row-major.
   * @returns the best transcriptions, best first; none if a lexicon admits no beginning of what can be heard.
   * @throws DataError if the log probabilities are not whole frames or hold NaN.
   */
  decode(logProbs: Float32Array | Float64Array, options: CtcDecodeOptions = {}): CtcTranscription[] {
    const { nBest = 1, timestamps = false } = options
    const vocabularySize = this.#options.labels.length
    const beamWidth = this.#options.beamWidth ?? 100
    checkCtcInput(logProbs, { vocabularySize, blankId: this.#blankId, beamWidth, nBest })
    this.#search.run(logProbs)
    const complete = this.#ends(true)
    const isComplete = complete.size > 0
    const found = isComplete ? complete : this.#ends(false)
    return [...found]
      .sort(([, a], [, b]) => b.acoustic + b.bonus - a.acoustic - a.bonus)
      .slice(0, nBest)
      .map(([text, end]) => {
        const tokenIds = this.#search.tree.tokensOf(end.prefix)
        if (this.#delimiter >= 0 && tokenIds.at(-1) === this.#delimiter) tokenIds.pop()
        const tokens = timestamps ? this.#align(logProbs, tokenIds) : undefined
        return {
          text,
          words: end.spelled.map(({ word, from, to }) =>
            tokens && to > from
              ? { word, startFrame: tokens[from]!.startFrame, endFrame: tokens[to - 1]!.endFrame }
              : { word },
          ),
          tokenIds,
          ...(tokens && { tokens }),
          acousticScore: end.acoustic,
          languageModelScore: end.bonus - end.hot,
          hotWordScore: end.hot,
          score: end.acoustic + end.bonus,
          isComplete,
        }
      })
  }

  /** The texts in the beam; prefixes of the same text are one. */
  #ends(complete: boolean): Map<string, Found> {
    const { tree, beam, beamSize } = this.#search
    const scorer = this.#scorer
    const found = new Map<string, Found & { rank: number }>()
    for (let i = 0; i < beamSize; i++) {
      const prefix = beam[i]!
      const own = logAdd(tree.blank[prefix]!, tree.nonBlank[prefix]!)
      if (complete) scorer.finish(prefix)
      else scorer.finishWithout(prefix)
      for (let way = 0; way < scorer.count; way++) {
        const spelled = this.#speller.words(tree, prefix, scorer.words[way]!)
        const text = this.#speller.text(spelled)
        const bonus = scorer.bonuses[way]!
        const rank = this.#rank(prefix, own + bonus)
        const before = found.get(text)
        const acoustic = before ? logAdd(before.acoustic, own) : own
        if (before && before.rank >= rank) found.set(text, { ...before, acoustic })
        else found.set(text, { prefix, spelled, acoustic, bonus, hot: scorer.hotBonuses[way]!, rank })
      }
    }
    return found
  }

  /** What decides which of the prefixes of a text stands for it. */
  #rank(prefix: number, score: number): number {
    if (this.#options.conventions !== 'pyctcdecode') return score
    // Of the endings that are merged, the library keeps the text of the one that comes last, which is the worst.
    const { blank, nonBlank, bonus } = this.#search.tree
    const endings = [blank[prefix]!, nonBlank[prefix]!].filter(Number.isFinite)
    return -Math.min(...endings) - bonus[prefix]!
  }

  #align(logProbs: Float32Array | Float64Array, tokenIds: number[]): TokenSpan[] {
    return forcedAlign(logProbs, tokenIds, {
      vocabularySize: this.#options.labels.length,
      blankId: this.#blankId,
      ...(this.#delimiter >= 0 && { delimiterId: this.#delimiter }),
    }).tokens
  }
}

const delimiterOf = ({ labels, blankId = 0, wordDelimiterId, excludedIds }: CtcDecoderOptions): number => {
  for (const id of excludedIds ?? []) {
    if (id === blankId) throw new ConfigError(`The blank ${id} is excluded.`, { field: 'excludedIds' })
  }
  if (wordDelimiterId === null) return -1
  if (wordDelimiterId === undefined) {
    const space = labels.indexOf(' ')
    return space >= 0 ? space : labels.indexOf('|')
  }
  if (!Number.isInteger(wordDelimiterId) || labels[wordDelimiterId] === undefined || wordDelimiterId === blankId) {
    throw new ConfigError(`wordDelimiterId is ${wordDelimiterId}.`, {
      field: 'wordDelimiterId',
      cure: `Use a token of the vocabulary that is not the blank, ${blankId}.`,
    })
  }
  return wordDelimiterId
}
