import { checkCtcInput } from './ctc/check-input'
import { logAdd } from './ctc/log-add'
import { PrefixSearch } from './ctc/prefix-search'

export interface CtcBeamSearchOptions {
  /** Number of tokens, the blank included: the length of one frame's log probabilities. */
  readonly vocabularySize: number
  /** Token that stands for "nothing here". Default 0. */
  readonly blankId?: number
  /** Prefixes kept after each frame. Default 100. */
  readonly beamWidth?: number
  /** Hypotheses returned, at most. Default 1. */
  readonly nBest?: number
}

export interface CtcHypothesis {
  readonly tokenIds: number[]
  /** Natural logarithm of the probability of all paths to these tokens that stayed within the beam. */
  readonly score: number
}

/**
 * CTC prefix beam search over tokens alone (Hannun et al. 2014, algorithm 1, without a language model): unlike the best path, it adds
 * up all alignments of a text. With a beam that holds every prefix the scores are exact. {@link CtcDecoder} knows words.
 *
 * @param logProbs natural log probabilities of one utterance, `[frames, vocabularySize]`, row-major.
 * @returns the best hypotheses, best first.
 * @throws DataError if the log probabilities are not whole frames or hold NaN, or an option is out of range.
 */
export function ctcBeamSearch(logProbs: Float32Array | Float64Array, options: CtcBeamSearchOptions): CtcHypothesis[] {
  const { vocabularySize, blankId = 0, beamWidth = 100, nBest = 1 } = options
  checkCtcInput(logProbs, { vocabularySize, blankId, beamWidth, nBest })
  const search = new PrefixSearch({
    vocabularySize,
    blankId,
    delimiter: -1,
    beamWidth,
    tokenMinLogProb: Number.NEGATIVE_INFINITY,
    beamPruneLogProb: Number.NEGATIVE_INFINITY,
    beamUnit: 'prefix',
    excluded: new Set(),
    scorer: undefined,
  })
  search.run(logProbs)
  const { tree } = search
  return Array.from(search.beam.subarray(0, search.beamSize), (prefix) => ({
    prefix,
    score: logAdd(tree.blank[prefix]!, tree.nonBlank[prefix]!),
  }))
    .sort((a, b) => b.score - a.score || a.prefix - b.prefix)
    .slice(0, nBest)
    .map(({ prefix, score }) => ({ tokenIds: tree.tokensOf(prefix), score }))
}
