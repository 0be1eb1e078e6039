import { DataError } from '../../errors'
import { logAdd } from '../ctc/log-add'
import type { TokenScorer } from './token-scorer'

export interface CtcPrefixScorerOptions {
  /** Natural log probabilities of each utterance, `[frames, vocabularySize]`, row-major, without padded frames. */
  readonly logProbs: readonly (Float32Array | Float64Array)[]
  readonly vocabularySize: number
  /** Default 0. */
  readonly blankId?: number
  /** The decoder's token that ends a text. */
  readonly endId: number
  /** CTC's token for each of the decoder's; -1 for none. Default: the same. */
  readonly tokenIds?: ArrayLike<number>
  readonly weight: number
}

/** Paths to a text so far: their log probability after each frame, by whether they end in its last token or a blank. */
export interface CtcPrefixState {
  readonly utterance: number
  readonly nonBlank: Float64Array
  readonly blank: Float64Array
  readonly last: number
  /** Log probability of all texts that begin with this one. */
  readonly prefix: number
}

const NEVER = Number.NEGATIVE_INFINITY

/**
 * CTC's part in joint decoding (Watanabe et al. 2017, algorithm 2): what a token changes in the log probability of all texts that
 * begin so; the end token, of the text itself. Summed over a text it is CTC's log probability of it. A candidate costs
 * as many steps as there are frames.
 *
 * @throws DataError if log probabilities are not whole frames.
 */
export const ctcPrefixScorer = (options: CtcPrefixScorerOptions): TokenScorer<CtcPrefixState> => {
  const { logProbs, vocabularySize, blankId = 0, endId, tokenIds, weight } = options
  const wrong = logProbs.findIndex(({ length }) => length % vocabularySize !== 0)
  if (wrong >= 0) {
    throw new DataError(`utterance ${wrong} has ${logProbs[wrong]!.length} log probabilities.`, {
      field: 'logProbs',
      cure: `Pass whole frames of ${vocabularySize}.`,
    })
  }
  const framesOf = (utterance: number) => logProbs[utterance]!.length / vocabularySize
  /** -1 for a token that CTC does not have: past the vocabulary lie the next frame's log probabilities. */
  const ctcToken = (token: number) => {
    const said = tokenIds ? (tokenIds[token] ?? -1) : token
    return said < vocabularySize ? said : -1
  }

  const extend = (state: CtcPrefixState, token: number): CtcPrefixState => {
    const frames = framesOf(state.utterance)
    const own = logProbs[state.utterance]!
    const nonBlank = new Float64Array(frames)
    const blank = new Float64Array(frames)
    let prefix = NEVER
    let lastNonBlank = NEVER
    let lastBlank = NEVER
    for (let frame = 0; frame < frames; frame++) {
      // Paths that were complete before this frame; the same token again counts only after a blank.
      let before: number
      if (frame === 0) before = state.last < 0 ? 0 : NEVER
      else if (state.last === token) before = state.blank[frame - 1]!
      else before = logAdd(state.blank[frame - 1]!, state.nonBlank[frame - 1]!)
      const says = own[frame * vocabularySize + token]!
      prefix = logAdd(prefix, before + says)
      const nowBlank = logAdd(lastBlank, lastNonBlank) + own[frame * vocabularySize + blankId]!
      lastNonBlank = logAdd(lastNonBlank, before) + says
      lastBlank = nowBlank
      nonBlank[frame] = lastNonBlank
      blank[frame] = lastBlank
    }
    return { utterance: state.utterance, nonBlank, blank, last: token, prefix }
  }

  /** Log probability of exactly the text of a state. */
  const whole = ({ utterance, blank, nonBlank, last }: CtcPrefixState): number => {
    const frames = framesOf(utterance)
    if (frames === 0) return last < 0 ? 0 : NEVER
    return logAdd(blank[frames - 1]!, nonBlank[frames - 1]!)
  }

  return {
    name: 'ctc',
    weight,
    start: (utterance) => {
      const frames = framesOf(utterance)
      const blank = new Float64Array(frames)
      for (let frame = 0, sum = 0; frame < frames; frame++) {
        sum += logProbs[utterance]![frame * vocabularySize + blankId]!
        blank[frame] = sum
      }
      return { utterance, blank, nonBlank: new Float64Array(frames).fill(NEVER), last: -1, prefix: 0 }
    },
    score: (state, token) => {
      if (state.prefix === NEVER) return NEVER
      if (token === endId) return whole(state) - state.prefix
      const said = ctcToken(token)
      return said < 0 || said === blankId ? NEVER : extend(state, said).prefix - state.prefix
    },
    next: (state, token) => {
      const said = ctcToken(token)
      return said < 0 || said === blankId ? { ...state, prefix: NEVER } : extend(state, said)
    },
  }
}
