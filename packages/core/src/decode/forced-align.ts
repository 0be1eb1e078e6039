import { DataError } from '../errors'

/** Where a token was said. */
export interface TokenSpan {
  readonly tokenId: number
  /** Its first frame, and the one after its last; blanks around it are not counted. */
  readonly startFrame: number
  readonly endFrame: number
  /** Sum of the natural log probabilities of its frames. */
  readonly logProb: number
}

export interface Alignment {
  readonly tokens: TokenSpan[]
  /** The token of each frame, blanks included. */
  readonly path: Int32Array
  /** Natural log probability of the path. */
  readonly score: number
}

export interface ForcedAlignOptions {
  readonly vocabularySize: number
  /** Default 0. */
  readonly blankId?: number
  /** The token between words. It may also be read, as often as it comes, where the text begins, where it ends and beside itself. */
  readonly delimiterId?: number
}

/** Steps back are kept for as many states at once; beyond that, stretch by stretch. */
const STEPS_KEPT = 2 ** 24

/**
 * The most likely way in which CTC reads given tokens out of an utterance (Viterbi's algorithm over the states of Graves et al. 2006,
 * section 4.1). Takes `frames x tokens` steps, twice that for long recordings, whose memory stays below
 * `sqrt(frames) x tokens`.
 *
 * @param logProbs natural log probabilities of one utterance, `[frames, vocabularySize]`, row-major.
 * @param tokenIds the tokens, without blanks.
 * @throws DataError if the tokens do not fit into the frames, or the log probabilities are not whole frames.
 */
export function forcedAlign(
  logProbs: Float32Array | Float64Array,
  tokenIds: ArrayLike<number>,
  options: ForcedAlignOptions,
): Alignment {
  const { vocabularySize, blankId = 0, delimiterId = blankId } = options
  const frames = logProbs.length / vocabularySize
  if (!Number.isInteger(frames)) {
    throw new DataError(`${logProbs.length} log probabilities are not whole frames of ${vocabularySize} tokens.`, {
      field: 'logProbs',
      cure: 'Pass one utterance of shape [frames, vocabularySize].',
    })
  }
  const labels = labelsOf(tokenIds, blankId, vocabularySize)
  const trellis = new Trellis(logProbs, labels, vocabularySize, blankId, otherReadings(labels, blankId, delimiterId))
  const states = trellis.bestStates(frames)
  if (states === undefined) {
    throw new DataError(`${tokenIds.length} tokens do not fit into ${frames} frames.`, {
      field: 'tokenIds',
      cure: 'Check that the text belongs to the recording; repeated tokens need a frame between them.',
    })
  }
  const path = Int32Array.from(states, (state, frame) => trellis.tokenAt(frame, state))
  let score = 0
  const tokens: { tokenId: number; startFrame: number; endFrame: number; logProb: number }[] = []
  for (let frame = 0; frame < frames; frame++) {
    const logProb = logProbs[frame * vocabularySize + path[frame]!]!
    score += logProb
    if (states[frame]! % 2 === 0) continue
    if (frame > 0 && states[frame - 1] === states[frame]) {
      const last = tokens.at(-1)!
      last.endFrame = frame + 1
      last.logProb += logProb
    } else tokens.push({ tokenId: path[frame]!, startFrame: frame, endFrame: frame + 1, logProb })
  }
  return { tokens, path, score }
}

/** Blank, token, blank, token, … blank. */
const labelsOf = (tokenIds: ArrayLike<number>, blankId: number, vocabularySize: number): Int32Array => {
  const labels = new Int32Array(2 * tokenIds.length + 1).fill(blankId)
  for (let i = 0; i < tokenIds.length; i++) {
    const token = tokenIds[i]!
    if (!Number.isInteger(token) || token < 0 || token >= vocabularySize || token === blankId) {
      throw new DataError(`token ${i} is ${token}.`, {
        field: 'tokenIds',
        cure: 'Use tokens of the vocabulary, without the blank.',
      })
    }
    labels[2 * i + 1] = token
  }
  return labels
}

/** What each state may read beside its label: the blanks around a delimiter, and those at both ends, the delimiter. */
const otherReadings = (labels: Int32Array, blankId: number, delimiterId: number): Int32Array =>
  labels.map((label, s) => {
    const isEnd = s === 0 || s === labels.length - 1
    const isBeside = labels[s - 1] === delimiterId || labels[s + 1] === delimiterId
    return label === blankId && (isEnd || isBeside) ? delimiterId : label
  })

class Trellis {
  constructor(
    private readonly logProbs: Float32Array | Float64Array,
    private readonly labels: Int32Array,
    private readonly vocabularySize: number,
    private readonly blankId: number,
    private readonly others: Int32Array,
  ) {}

  /** What a state reads in a frame. */
  tokenAt(frame: number, state: number): number {
    const label = this.labels[state]!
    const other = this.others[state]!
    const at = frame * this.vocabularySize
    return this.logProbs[at + other]! > this.logProbs[at + label]! ? other : label
  }

  /** The state of each frame on the best path; undefined if there is none. */
  bestStates(frames: number): Int32Array | undefined {
    const states = this.labels.length
    if (frames === 0) return states === 1 ? new Int32Array(0) : undefined
    const whole = frames * states <= STEPS_KEPT
    const stretch = whole ? frames : Math.ceil(Math.sqrt(frames))
    const saved: Float64Array[] = []
    let scores: Float64Array = new Float64Array(states).fill(Number.NEGATIVE_INFINITY)
    const steps = new Uint8Array(stretch * states)
    for (let start = 0; start < frames; start += stretch) {
      saved.push(scores.slice())
      scores = this.#advance(scores, start, Math.min(frames, start + stretch), steps)
    }
    let state = states > 1 && scores[states - 2]! > scores[states - 1]! ? states - 2 : states - 1
    if (scores[state] === Number.NEGATIVE_INFINITY) return undefined
    const best = new Int32Array(frames)
    for (let block = saved.length - 1; block >= 0; block--) {
      const start = block * stretch
      const end = Math.min(frames, start + stretch)
      // The steps of the last stretch are still there.
      if (block < saved.length - 1) this.#advance(saved[block]!, start, end, steps)
      for (let frame = end - 1; frame >= start; frame--) {
        best[frame] = state
        state -= steps[(frame - start) * states + state]!
      }
    }
    return best
  }

  /** Scores of the states after frames [start, end), and by how many states each was stepped to. */
  #advance(before: Float64Array, start: number, end: number, steps: Uint8Array): Float64Array {
    const { labels, others, logProbs, vocabularySize, blankId } = this
    const states = labels.length
    let scores = before.slice()
    let next = new Float64Array(states)
    for (let frame = start; frame < end; frame++) {
      const row = (frame - start) * states
      for (let s = 0; s < states; s++) {
        let best = frame === 0 ? (s <= 1 ? 0 : Number.NEGATIVE_INFINITY) : scores[s]!
        let step = 0
        if (frame > 0 && s >= 1 && scores[s - 1]! > best) {
          best = scores[s - 1]!
          step = 1
        }
        // A token may follow the one before without a blank between, unless the two are equal.
        const canSkip = s >= 2 && labels[s] !== blankId && labels[s] !== labels[s - 2]
        if (frame > 0 && canSkip && scores[s - 2]! > best) {
          best = scores[s - 2]!
          step = 2
        }
        steps[row + s] = step
        const reading = logProbs[frame * vocabularySize + labels[s]!]!
        next[s] =
          best + (others[s] === labels[s] ? reading : Math.max(reading, logProbs[frame * vocabularySize + others[s]!]!))
      }
      ;[scores, next] = [next, scores]
    }
    return scores
  }
}
