export { type CtcPrefixScorerOptions, type CtcPrefixState, ctcPrefixScorer } from './attention/ctc-prefix-scorer'
export { repeatForBeams } from './attention/nested-tensors'
export { type NgramTokenScorerOptions, ngramTokenScorer } from './attention/ngram-token-scorer'
export type { TokenScorer } from './attention/token-scorer'
export {
  AttentionBeamSearch,
  type AttentionBeamSearchOptions,
  type AttentionDecoderStep,
  type AttentionHypothesis,
  type AttentionSearchInputs,
} from './attention-beam-search'
export { type CtcBeamSearchOptions, type CtcHypothesis, ctcBeamSearch } from './ctc-beam-search'
export {
  type CtcDecodeOptions,
  CtcDecoder,
  type CtcDecoderOptions,
  type CtcLanguageModel,
  type CtcTranscription,
  type TranscribedWord,
} from './ctc-decoder'
export { type CtcGreedyOptions, ctcGreedyDecode, type FrameTokens } from './ctc-greedy'
export type { Edit } from './edit-alignment'
export {
  type CharacterErrorRate,
  characterErrorRate,
  type EditCounts,
  type ErrorRateOptions,
  type ErrorReport,
  errorReport,
  type UtteranceErrors,
  type WordConfusion,
  type WordErrorRate,
  wordErrorRate,
} from './error-rate'
export { type Alignment, type ForcedAlignOptions, forcedAlign, type TokenSpan } from './forced-align'
export { type LexiconEntry, parseLexicon, readLexicon, spelledLexicon } from './lexicon'
export {
  characterUnits,
  type Discounts,
  type Ngram,
  NgramModel,
  parseArpa,
  readArpa,
  type TrainNgramOptions,
  trainNgram,
  writeArpa,
} from './ngram/index'
export { normalizeTranscript, type TranscriptNormalization } from './normalize-transcript'
