import { ConfigError } from '../../errors'
import type { NgramModel } from '../ngram/index'
import type { TokenScorer } from './token-scorer'

export interface NgramTokenScorerOptions {
  /** A model whose words are the decoder's tokens. */
  readonly model: NgramModel
  /** The model's word for each token, by number. */
  readonly labels: readonly string[]
  /** The token that ends a text: the model's `</s>`. */
  readonly endId: number
  readonly weight: number
}

/**
 * Shallow fusion with an n-gram model of tokens (Gülçehre et al. 2015, section 4.1): `weight * ln p` is added for each token.
 *
 * @throws ConfigError if the model knows none of the tokens.
 */
export const ngramTokenScorer = ({ model, labels, endId, weight }: NgramTokenScorerOptions): TokenScorer<number> => {
  const ids = Int32Array.from(labels, (label, token) => (token === endId ? model.endId : model.wordId(label)))
  if (labels.every((label, token) => token === endId || !model.has(label))) {
    throw new ConfigError('The language model knows none of the tokens.', {
      field: 'model',
      cure: 'Train it on texts that are split into these tokens.',
    })
  }
  const idOf = (token: number) => ids[token] ?? model.unknownId
  return {
    name: 'languageModel',
    weight,
    start: () => model.startState,
    score: (state, token) => Math.LN10 * model.logProb10(state, idOf(token)),
    next: (state, token) => model.next(state, idOf(token)),
  }
}
