import { type CtcDecoderOptions, type CtcLanguageModel, readArpa, readLexicon } from '../decode/index'
import { ConfigError } from '../errors'

/** How a CTC model's text is searched for, by the names of files, as a user says it. */
export interface DecodingOptions {
  /** Prefixes kept after each frame. Default 100. */
  readonly beamWidth?: number
  /** File of an n-gram language model in ARPA format. */
  readonly languageModel?: string
  /** What the model counts. Default: words, or the vocabulary's units where these are words. */
  readonly languageModelUnit?: 'word' | 'token'
  /** Weight of the model's natural log probabilities. Default 0.5. */
  readonly languageModelWeight?: number
  /** Bonus of each word. Default 1.5. */
  readonly wordBonus?: number
  /** File of the words that may be said; see `readLexicon`. */
  readonly lexicon?: string
  /** Words to be preferred. */
  readonly hotWords?: readonly string[]
  /** Added to the score for each hot word. Default 10. */
  readonly hotWordWeight?: number
  /** How many texts are wanted, the best first. Default 1. */
  readonly alternatives?: number
}

/** The options of a `CtcDecoder` that do not follow from the vocabulary. */
export type CtcSearchOptions = Pick<CtcDecoderOptions, 'beamWidth' | 'lexicon' | 'hotWords' | 'hotWordWeight'> & {
  readonly languageModel?: CtcLanguageModel
}

/**
 * Reads the files that a search needs.
 *
 * @param labels The vocabulary's tokens by number, which a lexicon is spelled in.
 * @param unit What a language model counts where the options do not say it.
 * @throws DataError for a file that cannot be used; ConfigError for options that do not go together.
 */
export const readDecoding = async (
  options: DecodingOptions,
  labels: readonly string[],
  unit: 'word' | 'token',
): Promise<CtcSearchOptions> => {
  const { beamWidth, languageModel, languageModelUnit = unit, languageModelWeight, wordBonus } = options
  const { lexicon, hotWords, hotWordWeight } = options
  if (languageModel === undefined && (languageModelWeight !== undefined || wordBonus !== undefined)) {
    throw new ConfigError('a weight is given, but no language model.', {
      field: 'languageModel',
      cure: 'Name its ARPA file.',
    })
  }
  return {
    ...(beamWidth === undefined ? {} : { beamWidth }),
    ...(lexicon === undefined ? {} : { lexicon: await readLexicon(lexicon, labels) }),
    ...(hotWords && hotWords.length > 0 ? { hotWords } : {}),
    ...(hotWordWeight === undefined ? {} : { hotWordWeight }),
    ...(languageModel === undefined
      ? {}
      : {
          languageModel: {
            model: await readArpa(languageModel),
            unit: languageModelUnit,
            ...(languageModelWeight === undefined ? {} : { alpha: languageModelWeight }),
            ...(wordBonus === undefined ? {} : { beta: wordBonus }),
          },
        }),
  }
}
