import { DataError } from '../errors'

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

/** A prefix: a node of the tree of all prefixes met. */
interface Prefix {
  readonly parent: Prefix | undefined
  readonly token: number
  readonly children: Map<number, Prefix>
  /** Log probability of the paths to this prefix up to the last frame, by whether they end with a blank. */
  blank: number
  nonBlank: number
  /** The same up to the frame at hand. */
  nextBlank: number
  nextNonBlank: number
  /** The last frame that reached this prefix. */
  frame: number
}

/**
 * CTC prefix beam search without a language model (Hannun et al. 2014, algorithm 1): unlike the best path, it adds up all
 * alignments of a text. With a beam that holds every prefix the scores are exact.
 *
 * @param logProbs natural log probabilities of one utterance, `[frames, vocabularySize]`, row-major.
 * @returns the best hypotheses, best first.
 * @throws DataError if the log probabilities are not whole frames or hold NaN, or an option is out of range.
 */
export function ctcBeamSearch(logProbs: Float32Array | Float64Array, options: CtcBeamSearchOptions): CtcHypothesis[] {
  const { vocabularySize, blankId = 0, beamWidth = 100, nBest = 1 } = options
  check(logProbs, { vocabularySize, blankId, beamWidth, nBest })
  const root = newPrefix(undefined, -1)
  root.blank = 0
  let beam = [root]
  const frames = logProbs.length / vocabularySize
  for (let frame = 0; frame < frames; frame++) {
    const reached: Prefix[] = []
    const reach = (prefix: Prefix): Prefix => {
      if (prefix.frame !== frame) {
        prefix.frame = frame
        prefix.nextBlank = Number.NEGATIVE_INFINITY
        prefix.nextNonBlank = Number.NEGATIVE_INFINITY
        reached.push(prefix)
      }
      return prefix
    }
    for (const prefix of beam) {
      const total = logAdd(prefix.blank, prefix.nonBlank)
      const stay = reach(prefix)
      for (let token = 0; token < vocabularySize; token++) {
        const logProb = logProbs[frame * vocabularySize + token]!
        if (logProb === Number.NEGATIVE_INFINITY) continue
        if (token === blankId) {
          stay.nextBlank = logAdd(stay.nextBlank, total + logProb)
          continue
        }
        // A repeated token makes the prefix longer only across a blank; otherwise it is the same token going on.
        const isRepeat = token === prefix.token
        if (isRepeat) stay.nextNonBlank = logAdd(stay.nextNonBlank, prefix.nonBlank + logProb)
        const before = isRepeat ? prefix.blank : total
        if (before === Number.NEGATIVE_INFINITY) continue
        const longer = reach(childOf(prefix, token))
        longer.nextNonBlank = logAdd(longer.nextNonBlank, before + logProb)
      }
    }
    for (const prefix of reached) {
      prefix.blank = prefix.nextBlank
      prefix.nonBlank = prefix.nextNonBlank
    }
    beam = best(reached, beamWidth)
  }
  return best(beam, nBest).map((prefix) => ({
    tokenIds: tokensOf(prefix),
    score: logAdd(prefix.blank, prefix.nonBlank),
  }))
}

function check(logProbs: Float32Array | Float64Array, options: Required<CtcBeamSearchOptions>): void {
  for (const [field, value] of Object.entries(options)) {
    const [low, high] = field === 'blankId' ? [0, options.vocabularySize - 1] : [1, Number.MAX_SAFE_INTEGER]
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new DataError(`${field} is ${value}.`, {
        field,
        cure: `Use a whole number of ${low} or more, within the vocabulary.`,
      })
    }
  }
  if (logProbs.length % options.vocabularySize !== 0) {
    throw new DataError(
      `${logProbs.length} log probabilities are not whole frames of ${options.vocabularySize} tokens.`,
      {
        field: 'logProbs',
        cure: 'Pass one utterance of shape [frames, vocabularySize].',
      },
    )
  }
  const at = logProbs.findIndex(Number.isNaN)
  if (at >= 0) {
    throw new DataError(
      `The log probability of token ${at % options.vocabularySize} is NaN in frame ${Math.floor(at / options.vocabularySize)}.`,
      {
        field: 'logProbs',
      },
    )
  }
}

function newPrefix(parent: Prefix | undefined, token: number): Prefix {
  const none = Number.NEGATIVE_INFINITY
  return {
    parent,
    token,
    children: new Map(),
    blank: none,
    nonBlank: none,
    nextBlank: none,
    nextNonBlank: none,
    frame: -1,
  }
}

function childOf(prefix: Prefix, token: number): Prefix {
  let child = prefix.children.get(token)
  if (child === undefined) {
    child = newPrefix(prefix, token)
    prefix.children.set(token, child)
  }
  return child
}

function best(prefixes: Prefix[], count: number): Prefix[] {
  return prefixes
    .map((prefix) => ({ prefix, score: logAdd(prefix.blank, prefix.nonBlank) }))
    .filter(({ score }) => score > Number.NEGATIVE_INFINITY)
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ prefix }) => prefix)
}

function tokensOf(prefix: Prefix): number[] {
  const out: number[] = []
  for (let at = prefix; at.parent !== undefined; at = at.parent) out.push(at.token)
  return out.reverse()
}

/** log(exp(a) + exp(b)), without leaving the range of the logarithms. */
function logAdd(a: number, b: number): number {
  const high = Math.max(a, b)
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(Math.min(a, b) - high))
}
