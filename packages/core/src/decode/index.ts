export { type CtcBeamSearchOptions, type CtcHypothesis, ctcBeamSearch } from './ctc-beam-search'
export { type CtcGreedyOptions, ctcGreedyDecode, type FrameTokens } from './ctc-greedy'
export {
  type CharacterErrorRate,
  characterErrorRate,
  type EditCounts,
  type WordErrorRate,
  wordErrorRate,
} from './error-rate'
