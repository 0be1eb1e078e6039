import { DataError } from '../../errors'

export interface CheckedOptions {
  readonly vocabularySize: number
  readonly blankId: number
  readonly beamWidth: number
  readonly nBest: number
}

/** @throws DataError if the log probabilities are not whole frames or hold NaN, or an option is out of range. */
export const checkCtcInput = (logProbs: Float32Array | Float64Array, options: CheckedOptions): void => {
  for (const [field, value] of Object.entries(options)) {
    const [low, high] = field === 'blankId' ? [0, options.vocabularySize - 1] : [1, Number.MAX_SAFE_INTEGER]
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new DataError(`${field} is ${value}.`, {
        field,
        cure: `Use a whole number of ${low} or more, within the vocabulary.`,
      })
    }
  }
  const { vocabularySize } = options
  if (logProbs.length % vocabularySize !== 0) {
    throw new DataError(`${logProbs.length} log probabilities are not whole frames of ${vocabularySize} tokens.`, {
      field: 'logProbs',
      cure: 'Pass one utterance of shape [frames, vocabularySize].',
    })
  }
  const at = logProbs.findIndex(Number.isNaN)
  if (at < 0) return
  const where = `token ${at % vocabularySize} is NaN in frame ${Math.floor(at / vocabularySize)}`
  throw new DataError(`The log probability of ${where}.`, { field: 'logProbs' })
}
