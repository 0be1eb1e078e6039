import {
  CtcDecoder,
  type CtcDecoderOptions,
  type CtcLanguageModel,
  type CtcTranscription,
  NgramModel,
} from '../decode/index'
import { ConfigError } from '../errors'
import type { Transcript } from './ctc-recognizer'
import type { CtcTokenizer } from './ctc-tokenizer'

/** Prefix beam search instead of the most likely path: see `CtcDecoder`. Words are written as the tokenizer decodes them. */
export interface TranscriptDecoderOptions
  extends Pick<
    CtcDecoderOptions,
    'lexicon' | 'hotWords' | 'hotWordWeight' | 'beamWidth' | 'tokenMinLogProb' | 'beamPruneLogProb'
  > {
  /** An n-gram model of words (with the default weights), or a model with its weights and unit. */
  readonly languageModel?: NgramModel | CtcLanguageModel
  /** Whether transcripts have their words with frames; without, `words` is empty. Default true. */
  readonly timestamps?: boolean
  /** Texts given as `alternatives`, the best one included. Default: none. */
  readonly nBest?: number
}

/**
 * Makes transcripts of log probabilities [frames, vocabulary] by beam search.
 *
 * @throws ConfigError when an option does not fit the tokenizer's vocabulary.
 */
export const transcriptDecoder = (
  tokenizer: CtcTokenizer,
  options: TranscriptDecoderOptions,
): ((logProbs: Float32Array) => Transcript) => {
  const { languageModel, timestamps = true, nBest, ...rest } = options
  const labels = labelsOf(tokenizer)
  const isWords = tokenizer.units === 'words' && rest.lexicon === undefined
  if (isWords && rest.hotWords?.length) {
    throw new ConfigError('Hot words are spelled in letters, but the vocabulary is one of words.', {
      field: 'hotWords',
      cure: 'Give a lexicon, which says how words are made of these units.',
    })
  }
  const decoder = new CtcDecoder({
    ...rest,
    labels,
    blankId: tokenizer.blankId,
    wordDelimiterId:
      tokenizer.wordDelimiterToken === null ? null : (tokenizer.vocab.get(tokenizer.wordDelimiterToken) ?? null),
    excludedIds: excludedIds(tokenizer),
    ...(languageModel && {
      languageModel:
        languageModel instanceof NgramModel
          ? { model: languageModel, unit: isWords ? ('token' as const) : ('word' as const) }
          : languageModel,
    }),
  })
  // Where units are words, each token is one; they have no letters to be joined.
  const textOf = ({ text, tokenIds }: CtcTranscription): string =>
    isWords ? tokenIds.map((id) => labels[id]).join(' ') : text
  const wordsOf = ({ words, tokens }: CtcTranscription) =>
    isWords
      ? tokens!.map(({ tokenId, startFrame, endFrame }) => ({ word: labels[tokenId]!, startFrame, endFrame }))
      : words.map(({ word, startFrame, endFrame }) => ({ word, startFrame: startFrame!, endFrame: endFrame! }))
  return (logProbs) => {
    const found = decoder.decode(logProbs, { timestamps, nBest: nBest ?? 1 })
    const best = found[0]
    return {
      text: best ? textOf(best) : '',
      words: best && timestamps ? wordsOf(best) : [],
      ...(nBest !== undefined && {
        alternatives: found.map((one) => ({
          text: textOf(one),
          score: one.score,
          acousticScore: one.acousticScore,
          languageModelScore: one.languageModelScore,
        })),
      }),
    }
  }
}

/** The text of each token, in the case of decoded texts. */
export const labelsOf = (tokenizer: CtcTokenizer): string[] => {
  const labels = new Array<string>(tokenizer.vocabSize).fill('')
  for (const [token, id] of tokenizer.vocab) labels[id] = tokenizer.doLowerCase ? token.toLowerCase() : token
  return labels
}

/** Special tokens, and ids that no token has. */
const excludedIds = (tokenizer: CtcTokenizer): number[] => {
  const { unkToken, bosToken, eosToken, vocab, blankId } = tokenizer
  const special = new Set([unkToken, bosToken, eosToken].map((token) => vocab.get(token)))
  const used = new Set(vocab.values())
  return Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter(
    (id) => id !== blankId && (special.has(id) || !used.has(id)),
  )
}
