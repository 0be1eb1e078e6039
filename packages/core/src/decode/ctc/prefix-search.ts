import { Floor } from './floor'
import { logAdd } from './log-add'
import type { PrefixScorer } from './prefix-scorer'
import { PrefixTree } from './prefix-tree'
import { selectBest } from './select-best'

const NEVER = Number.NEGATIVE_INFINITY

export interface PrefixSearchOptions {
  readonly vocabularySize: number
  readonly blankId: number
  /** A token that, repeated, stays one token whatever is between: the word delimiter; -1 for none. */
  readonly delimiter: number
  readonly beamWidth: number
  readonly tokenMinLogProb: number
  readonly beamPruneLogProb: number
  readonly beamUnit: 'prefix' | 'ending'
  readonly excluded: ReadonlySet<number>
  readonly scorer: PrefixScorer | undefined
}

/**
 * Prefix beam search over CTC's log probabilities. A frame extends every prefix of the beam by every token; only what is
 * kept becomes a node of the tree, so that an utterance costs `frames x beamWidth` nodes at most.
 */
export class PrefixSearch {
  readonly tree = new PrefixTree()
  /** Prefixes in the beam after the last frame. */
  beam = new Int32Array(0)
  beamSize = 0
  readonly #options: PrefixSearchOptions
  readonly #tokens: Int32Array
  #tokenCount = 0
  /** Kept child of the prefix at hand for each token, or -1. */
  readonly #childInBeam: Int32Array
  // Extensions that are not in the beam yet.
  #candidates = 0
  #from = new Int32Array(1024)
  #by = new Int32Array(1024)
  #word = new Int32Array(1024)
  #acoustic = new Float64Array(1024)
  #candidateScore = new Float64Array(1024)
  /** What a candidate must reach, given those before it. */
  readonly #floor = new Floor()
  // What is to be chosen from: prefixes (or their endings) that go on, then candidates.
  #scores = new Float64Array(1024)
  #order = new Int32Array(1024)

  constructor(options: PrefixSearchOptions) {
    this.#options = options
    this.#tokens = new Int32Array(options.vocabularySize)
    this.#childInBeam = new Int32Array(options.vocabularySize).fill(-1)
  }

  run(logProbs: Float32Array | Float64Array): void {
    const { vocabularySize, delimiter, scorer } = this.#options
    this.tree.reset(delimiter)
    scorer?.reset()
    this.beam = new Int32Array(16)
    this.beamSize = 1
    const frames = logProbs.length / vocabularySize
    for (let frame = 0; frame < frames; frame++) {
      const offset = frame * vocabularySize
      this.#chooseTokens(logProbs, offset, this.#options.tokenMinLogProb)
      this.#extendAll(logProbs, offset, frame)
      if (!this.#isAlive()) {
        // A lexicon may forbid all tokens that are likely enough.
        this.#chooseTokens(logProbs, offset, NEVER)
        this.#extendAll(logProbs, offset, frame)
      }
      this.#prune(frame)
    }
  }

  /** The tokens that a frame may extend prefixes by: those that are likely enough, and always the likeliest. */
  #chooseTokens(logProbs: Float32Array | Float64Array, offset: number, least: number): void {
    const { vocabularySize, excluded } = this.#options
    let best = -1
    for (let token = 0; token < vocabularySize; token++) {
      if (excluded.size > 0 && excluded.has(token)) continue
      if (best < 0 || logProbs[offset + token]! > logProbs[offset + best]!) best = token
    }
    this.#tokenCount = 0
    for (let token = 0; token < vocabularySize; token++) {
      const logProb = logProbs[offset + token]!
      if (logProb === NEVER || (logProb < least && token !== best)) continue
      if (excluded.size > 0 && excluded.has(token)) continue
      this.#tokens[this.#tokenCount++] = token
    }
  }

  #extendAll(logProbs: Float32Array | Float64Array, offset: number, frame: number): void {
    const { blankId, delimiter, scorer } = this.#options
    const { tree, beam, beamSize } = this
    this.#candidates = 0
    this.#floor.reset(this.#options.beamWidth, this.#options.beamPruneLogProb)
    for (let i = 0; i < beamSize; i++) {
      tree.nextBlank[beam[i]!] = NEVER
      tree.nextNonBlank[beam[i]!] = NEVER
    }
    for (let i = 0; i < beamSize; i++) {
      const prefix = beam[i]!
      const last = tree.token[prefix]!
      const blank = tree.blank[prefix]!
      const nonBlank = tree.nonBlank[prefix]!
      const total = logAdd(blank, nonBlank)
      this.#markChildren(prefix, frame)
      for (let k = 0; k < this.#tokenCount; k++) {
        const token = this.#tokens[k]!
        const logProb = logProbs[offset + token]!
        if (token === blankId) {
          tree.nextBlank[prefix] = logAdd(tree.nextBlank[prefix]!, total + logProb)
          continue
        }
        let before = total
        if (token === last) {
          // The same token going on; it makes the prefix longer only across a blank, and the word delimiter never.
          const staying = token === delimiter ? total : nonBlank
          tree.nextNonBlank[prefix] = logAdd(tree.nextNonBlank[prefix]!, staying + logProb)
          if (token === delimiter) continue
          before = blank
        }
        if (before === NEVER) continue
        if (scorer === undefined) {
          const child = this.#childInBeam[token]!
          if (child >= 0) tree.nextNonBlank[child] = logAdd(tree.nextNonBlank[child]!, before + logProb)
          else this.#addCandidate(prefix, token, -1, before + logProb, before + logProb)
        } else this.#extendScored(scorer, prefix, token, before + logProb, frame)
      }
      this.#unmarkChildren(prefix)
    }
  }

  #extendScored(scorer: PrefixScorer, prefix: number, token: number, acoustic: number, frame: number): void {
    const { tree } = this
    const known = this.#childInBeam[token]!
    // Where a token leads to one prefix only and that is in the beam, nothing needs to be asked.
    if (known >= 0 && scorer.oneWay) {
      tree.nextNonBlank[known] = logAdd(tree.nextNonBlank[known]!, acoustic)
      return
    }
    if (acoustic + scorer.highestBonus(prefix) < this.#floor.value) return
    scorer.extend(prefix, token)
    for (let way = 0; way < scorer.count; way++) {
      const word = scorer.words[way]!
      const child = known < 0 ? -1 : tree.child(prefix, token, word)
      if (child >= 0 && tree.frame[child] === frame - 1) {
        tree.nextNonBlank[child] = logAdd(tree.nextNonBlank[child]!, acoustic)
      } else this.#addCandidate(prefix, token, word, acoustic, acoustic + scorer.bonuses[way]!)
    }
  }

  #markChildren(prefix: number, frame: number): void {
    const { tree } = this
    for (let child = tree.firstChild[prefix]!; child >= 0; child = tree.nextSibling[child]!) {
      if (tree.frame[child] === frame - 1) this.#childInBeam[tree.token[child]!] = child
    }
  }

  #unmarkChildren(prefix: number): void {
    const { tree } = this
    for (let child = tree.firstChild[prefix]!; child >= 0; child = tree.nextSibling[child]!) {
      this.#childInBeam[tree.token[child]!] = -1
    }
  }

  /** Whether any prefix of the beam goes on. */
  #isAlive(): boolean {
    if (this.#candidates > 0) return true
    const { tree, beam, beamSize } = this
    for (let i = 0; i < beamSize; i++) {
      if (tree.nextBlank[beam[i]!]! > NEVER || tree.nextNonBlank[beam[i]!]! > NEVER) return true
    }
    return false
  }

  #addCandidate(prefix: number, token: number, word: number, acoustic: number, score: number): void {
    if (score < this.#floor.value) return
    this.#floor.add(score)
    const at = this.#candidates++
    if (at >= this.#from.length) this.#growCandidates()
    this.#from[at] = prefix
    this.#by[at] = token
    this.#word[at] = word
    this.#acoustic[at] = acoustic
    this.#candidateScore[at] = score
  }

  #growCandidates(): void {
    const longer = <T extends Int32Array | Float64Array>(array: T): T => {
      const copy = new (array.constructor as new (length: number) => T)(array.length * 2)
      copy.set(array)
      return copy
    }
    this.#from = longer(this.#from)
    this.#by = longer(this.#by)
    this.#word = longer(this.#word)
    this.#acoustic = longer(this.#acoustic)
    this.#candidateScore = longer(this.#candidateScore)
  }

  /** Makes the best of what goes on and of the candidates the new beam. */
  #prune(frame: number): void {
    const { beamWidth, beamPruneLogProb, beamUnit } = this.#options
    const { tree, beam, beamSize } = this
    const endings = beamUnit === 'ending' ? 2 : 1
    const entries = beamSize * endings + this.#candidates
    if (entries > this.#scores.length) {
      this.#scores = new Float64Array(entries * 2)
      this.#order = new Int32Array(entries * 2)
    }
    const scores = this.#scores
    for (let i = 0; i < beamSize; i++) {
      const prefix = beam[i]!
      const bonus = tree.bonus[prefix]!
      if (endings === 2) {
        scores[2 * i] = tree.nextBlank[prefix]! + bonus
        scores[2 * i + 1] = tree.nextNonBlank[prefix]! + bonus
      } else scores[i] = logAdd(tree.nextBlank[prefix]!, tree.nextNonBlank[prefix]!) + bonus
    }
    scores.set(this.#candidateScore.subarray(0, this.#candidates), beamSize * endings)
    let best = NEVER
    for (let i = 0; i < entries; i++) if (scores[i]! > best) best = scores[i]!
    let kept = 0
    for (let i = 0; i < entries; i++) {
      if (scores[i]! > NEVER && scores[i]! >= best + beamPruneLogProb) this.#order[kept++] = i
    }
    if (kept > beamWidth) {
      selectBest(this.#order, kept, scores, beamWidth)
      kept = beamWidth
    }
    this.#renewBeam(kept, endings, frame)
  }

  #renewBeam(kept: number, endings: number, frame: number): void {
    const { tree, beam, beamSize } = this
    const next = new Int32Array(kept)
    let size = 0
    for (let i = 0; i < beamSize; i++) {
      tree.blank[beam[i]!] = NEVER
      tree.nonBlank[beam[i]!] = NEVER
    }
    for (let k = 0; k < kept; k++) {
      const entry = this.#order[k]!
      if (entry < beamSize * endings) {
        const prefix = beam[endings === 2 ? entry >> 1 : entry]!
        if (endings === 1 || entry % 2 === 0) tree.blank[prefix] = tree.nextBlank[prefix]!
        if (endings === 1 || entry % 2 === 1) tree.nonBlank[prefix] = tree.nextNonBlank[prefix]!
        if (tree.frame[prefix] === frame) continue
        tree.frame[prefix] = frame
        next[size++] = prefix
      } else next[size++] = this.#keep(entry - beamSize * endings, frame)
    }
    this.beam = next
    this.beamSize = size
  }

  #keep(candidate: number, frame: number): number {
    const { tree } = this
    const from = this.#from[candidate]!
    const token = this.#by[candidate]!
    const word = this.#word[candidate]!
    let node = tree.child(from, token, word)
    if (node < 0) {
      node = tree.add(from, token, word)
      const { scorer } = this.#options
      if (scorer) tree.bonus[node] = scorer.keep(node, from, token, word)
    }
    tree.blank[node] = NEVER
    tree.nonBlank[node] = this.#acoustic[candidate]!
    tree.frame[node] = frame
    return node
  }
}
