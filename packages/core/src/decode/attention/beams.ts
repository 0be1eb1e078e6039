import type { TokenScorer } from './token-scorer'

/** A text being written: its last token and what came before. */
interface Text {
  readonly token: number
  readonly before: Text | undefined
}

/** An unfinished hypothesis: a row of the engine's program. */
interface Beam {
  readonly text: Text | undefined
  readonly decoder: number
  /** Sums of the scorers' log probabilities, unweighted, and their states. */
  readonly scores: readonly number[]
  readonly states: readonly unknown[]
  readonly total: number
}

export interface Finished {
  readonly tokenIds: number[]
  readonly score: number
  readonly decoderScore: number
  readonly scores: Record<string, number>
  readonly isComplete: boolean
}

export interface BeamRules {
  readonly beamWidth: number
  readonly endId: number
  readonly maxLength: number
  readonly lengthPenalty: number
  readonly earlyStopping: boolean | 'never'
  readonly decoderWeight: number
  readonly scorers: readonly TokenScorer[]
}

/** What a step of the program says of one utterance: for each of its rows the likeliest tokens and their log probabilities. */
export interface Proposals {
  readonly perRow: number
  logProb(row: number, k: number): number
  token(row: number, k: number): number
}

/** The hypotheses of one utterance in an attention beam search: chooses, on the host, from what the decoder proposes. */
export class Beams {
  isDone = false
  /** For each row the row it goes on from, and its last token; for the next step. */
  readonly parents: Int32Array
  readonly tokens: Int32Array
  readonly #rules: BeamRules
  #beams: Beam[]
  #finished: Finished[] = []
  #length = 0

  constructor(utterance: number, startId: number, rules: BeamRules) {
    this.#rules = rules
    this.parents = new Int32Array(rules.beamWidth)
    this.tokens = new Int32Array(rules.beamWidth).fill(startId)
    const { scorers } = rules
    const states = scorers.map((scorer) => scorer.start(utterance))
    this.#beams = [{ text: undefined, decoder: 0, scores: scorers.map(() => 0), states, total: 0 }]
  }

  /** Takes the next token of every beam. */
  advance(proposals: Proposals): void {
    if (this.isDone) return
    const { beamWidth, endId, maxLength } = this.#rules
    this.#length++
    const isLast = this.#length === maxLength
    const candidates = this.#candidates(proposals)
    const next: Beam[] = []
    for (let rank = 0; rank < candidates.length && next.length < beamWidth; rank++) {
      const { row, token, beam } = candidates[rank]!
      if (token === endId || isLast) {
        // The others are there only so that enough beams go on.
        if (rank < beamWidth) this.#finish(beam, token === endId)
        continue
      }
      this.parents[next.length] = row
      this.tokens[next.length] = token
      next.push(this.#settle(beam, this.#beams[row]!, token))
    }
    this.#beams = next
    this.isDone = isLast || next.length === 0 || this.#canStop()
  }

  /** The finished hypotheses, best first. */
  results(count: number): Finished[] {
    return this.#finished.slice(0, count)
  }

  #candidates(proposals: Proposals): { row: number; token: number; beam: Beam }[] {
    const { scorers, decoderWeight } = this.#rules
    const candidates = this.#beams.flatMap((parent, row) =>
      Array.from({ length: proposals.perRow }, (_, k) => {
        const token = proposals.token(row, k)
        const decoder = parent.decoder + proposals.logProb(row, k)
        const scores = scorers.map(({ score }, i) => parent.scores[i]! + score(parent.states[i], token))
        const total = scorers.reduce((sum, { weight }, i) => sum + weight * scores[i]!, decoderWeight * decoder)
        const text = { token, before: parent.text }
        return { row, token, beam: { text, decoder, scores, states: parent.states, total } }
      }),
    )
    return candidates
      .filter(({ beam }) => beam.total > Number.NEGATIVE_INFINITY)
      .sort((a, b) => b.beam.total - a.beam.total)
  }

  #settle(beam: Beam, parent: Beam, token: number): Beam {
    return { ...beam, states: this.#rules.scorers.map(({ next }, i) => next(parent.states[i], token)) }
  }

  #finish(beam: Beam, isComplete: boolean): void {
    const { beamWidth, scorers } = this.#rules
    const tokenIds: number[] = []
    for (let at = isComplete ? beam.text?.before : beam.text; at; at = at.before) tokenIds.push(at.token)
    this.#finished.push({
      tokenIds: tokenIds.reverse(),
      score: this.#penalised(beam.total, this.#length),
      decoderScore: beam.decoder,
      scores: Object.fromEntries(scorers.map(({ name }, i) => [name, beam.scores[i]!])),
      isComplete,
    })
    this.#finished.sort((a, b) => b.score - a.score)
    this.#finished.length = Math.min(this.#finished.length, beamWidth)
  }

  #penalised(total: number, length: number): number {
    return total / length ** this.#rules.lengthPenalty
  }

  /** Whether no beam is expected to become better than the worst that is finished. */
  #canStop(): boolean {
    const { beamWidth, earlyStopping, maxLength, lengthPenalty } = this.#rules
    if (this.#finished.length < beamWidth) return false
    // A single beam that has ended is greedy decoding.
    if (earlyStopping === true || beamWidth === 1) return true
    const length = earlyStopping === 'never' && lengthPenalty > 0 ? maxLength : this.#length
    return this.#penalised(this.#beams[0]!.total, length) <= this.#finished.at(-1)!.score
  }
}
