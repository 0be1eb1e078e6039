import * as tf from '@tensorflow/tfjs-core'
import { type CompiledFunction, compile } from '../engine/index'
import { ConfigError } from '../errors'
import { type BeamRules, Beams, type Finished } from './attention/beams'
import { mapTensors, tensorsOf } from './attention/nested-tensors'
import type { TokenScorer } from './attention/token-scorer'

/**
 * One token for every row (utterance x beam) of an autoregressive decoder. Runs inside a compiled program: it must not read tensors
 * on the host.
 *
 * @param tokens int32 [rows], the last token of each row
 * @param state tensors whose axis 0 is the row, in arrays and objects: a key/value cache of fixed length, for example
 * @param position int32 scalar, the place of `tokens` in the text, from 0 (the start token)
 * @param memory what does not change from token to token, such as keys and values of the encoder's output
 * @returns logits (or log probabilities) [rows, vocabulary] of the next token, and the new state
 */
export type AttentionDecoderStep<State, Memory> = (
  tokens: tf.Tensor1D,
  state: State,
  position: tf.Scalar,
  memory: Memory,
) => { logits: tf.Tensor2D; state: State }

export interface AttentionBeamSearchOptions {
  /** The token that a text begins with, which is not part of hypotheses. */
  readonly startId: number
  /** The token that ends a text. */
  readonly endId: number
  /** Tokens written at most, the end token included: positions that the state must have room for. */
  readonly maxLength: number
  /** Tokens before the end token, at least. Default 0. */
  readonly minLength?: number
  /** Hypotheses followed at a time; 1 is greedy decoding. Default 5. */
  readonly beamWidth?: number
  /** Score = sum of log probabilities / length ^ lengthPenalty, the end token counted: above 0 favours long texts. Default 1. */
  readonly lengthPenalty?: number
  /** Logits are divided by this. Default 1. */
  readonly temperature?: number
  /**
   * When an utterance is done that has `beamWidth` finished hypotheses: `true`: then; `never` (default): when no other can become
   * better, whatever its length; `false`: when none would be at its present length. As `early_stopping` in Hugging Face, whose default
   * is false.
   */
  readonly earlyStopping?: boolean | 'never'
  /** Tokens that each row proposes, from which scorers choose. Default 2 * beamWidth. */
  readonly candidates?: number
  /** Factor of the decoder's own log probabilities. Default 1. */
  readonly decoderWeight?: number
}

export interface AttentionSearchInputs<State, Memory> {
  /** Utterances. */
  readonly batch: number
  /** The state before the first token: axis 0 is batch * beamWidth. It stays the caller's. */
  readonly state: State
  readonly memory: Memory
  /** Further opinions: `ctcPrefixScorer`, `ngramTokenScorer`. */
  readonly scorers?: readonly TokenScorer[]
  /** Hypotheses returned for each utterance, at most beamWidth. Default 1. */
  readonly nBest?: number
}

export interface AttentionHypothesis extends Finished {
  /** Without start and end token. */
  readonly tokenIds: number[]
  /** What decides: the weighted sum of all log probabilities over the length penalty. */
  readonly score: number
  /** The decoder's own natural log probability, unweighted. */
  readonly decoderScore: number
  /** Each scorer's natural log probability by its name, unweighted. */
  readonly scores: Record<string, number>
  /** False if it was cut off at maxLength. */
  readonly isComplete: boolean
}

type Step<State, Memory> = CompiledFunction<
  [tf.Tensor1D, tf.Tensor1D, tf.Scalar, State, Memory],
  { best: tf.Tensor2D; state: State }
>

/**
 * Beam search over an autoregressive decoder (Sutskever et al. 2014, section 3.2), several utterances at a time. A token is one
 * compiled program: it gathers the state by the beams that go on, runs the step, and gives the likeliest tokens of each row,
 * which is all that the host reads. One program serves all tokens and utterances of the same shapes: pad the encoder's frames to few
 * lengths.
 */
export class AttentionBeamSearch<State, Memory = undefined> {
  readonly #options: Required<AttentionBeamSearchOptions>
  readonly #step: Step<State, Memory>

  /** @throws ConfigError if an option is out of range. */
  constructor(step: AttentionDecoderStep<State, Memory>, options: AttentionBeamSearchOptions) {
    const { beamWidth = 5 } = options
    this.#options = {
      minLength: 0,
      lengthPenalty: 1,
      temperature: 1,
      earlyStopping: 'never',
      candidates: 2 * beamWidth,
      decoderWeight: 1,
      ...options,
      beamWidth,
    }
    check(this.#options)
    this.#step = compile(this.#program(step), { name: 'attention beam search' })
  }

  /** Programs traced so far. */
  get traceCount(): number {
    return this.#step.traceCount
  }

  /**
   * @returns for each utterance its best hypotheses, best first.
   * @throws ConfigError if the state has not batch * beamWidth rows.
   */
  async search(inputs: AttentionSearchInputs<State, Memory>): Promise<AttentionHypothesis[][]> {
    const { batch, memory, scorers = [], nBest = 1 } = inputs
    const { beamWidth, startId } = this.#options
    const rows = batch * beamWidth
    const wrong = tensorsOf(inputs.state).find(({ shape }) => shape[0] !== rows)
    if (wrong) {
      throw new ConfigError(`A tensor of the state is [${wrong.shape}].`, {
        field: 'state',
        cure: `Axis 0 must be the ${rows} rows of ${batch} utterances with ${beamWidth} beams: see repeatForBeams.`,
      })
    }
    const rules: BeamRules = { ...this.#options, scorers }
    const utterances = Array.from({ length: batch }, (_, i) => new Beams(i, startId, rules))
    let state = inputs.state
    for (let position = 0; !utterances.every(({ isDone }) => isDone); position++) {
      const parents = utterances.flatMap((beams, i) => Array.from(beams.parents, (row) => i * beamWidth + row))
      const tokens = utterances.flatMap((beams) => [...beams.tokens])
      const host = [tf.tensor1d(tokens, 'int32'), tf.tensor1d(parents, 'int32'), tf.scalar(position, 'int32')] as const
      const result = this.#step(...host, state, memory)
      if (state !== inputs.state) tf.dispose(tensorsOf(state))
      state = result.state
      const best = await result.best.data()
      const width = result.best.shape[1]
      tf.dispose([...host, result.best])
      utterances.forEach((beams, i) => {
        beams.advance({
          perRow: width / 2,
          logProb: (row, k) => best[(i * beamWidth + row) * width + k]!,
          token: (row, k) => best[(i * beamWidth + row) * width + width / 2 + k]!,
        })
      })
    }
    if (state !== inputs.state) tf.dispose(tensorsOf(state))
    return utterances.map((beams) => beams.results(nBest))
  }

  dispose(): void {
    this.#step.dispose()
  }

  #program(step: AttentionDecoderStep<State, Memory>) {
    const { temperature, minLength, endId, candidates } = this.#options
    return (tokens: tf.Tensor1D, parents: tf.Tensor1D, position: tf.Scalar, before: State, memory: Memory) => {
      const gathered = mapTensors(before, (tensor) => tf.gather(tensor, parents))
      const { logits, state } = step(tokens, gathered, position, memory)
      const vocabulary = logits.shape[1]
      const logProbs = tf.logSoftmax(temperature === 1 ? logits : tf.div(logits, temperature)) as tf.Tensor2D
      const allowed = minLength === 0 ? logProbs : withoutEarlyEnd(logProbs, position, minLength, endId)
      const { values, indices } = tf.topk(allowed, Math.min(candidates, vocabulary))
      // Token numbers are exact in float32, so that one read brings both.
      return { best: tf.concat([values, tf.cast(indices, 'float32')], 1) as tf.Tensor2D, state }
    }
  }
}

const withoutEarlyEnd = (logProbs: tf.Tensor2D, position: tf.Scalar, minLength: number, endId: number): tf.Tensor => {
  const isEnd = tf.equal(tf.range(0, logProbs.shape[1], 1, 'int32'), endId)
  const isEarly = tf.logicalAnd(isEnd, tf.less(position, tf.scalar(minLength, 'int32')))
  return tf.where(tf.broadcastTo(isEarly, logProbs.shape), tf.fill(logProbs.shape, Number.NEGATIVE_INFINITY), logProbs)
}

const check = (options: Required<AttentionBeamSearchOptions>): void => {
  const { startId, endId, maxLength, minLength, beamWidth, candidates, temperature, lengthPenalty, decoderWeight } =
    options
  const whole = { startId, endId, minLength, maxLength: maxLength - 1, beamWidth: beamWidth - 1 }
  for (const [field, value] of Object.entries(whole)) {
    if (Number.isInteger(value) && value >= 0) continue
    throw new ConfigError(`${field} is ${options[field as keyof typeof whole]}.`, {
      field,
      cure: 'Use a whole number.',
    })
  }
  if (minLength >= maxLength) {
    throw new ConfigError(`minLength is ${minLength}, maxLength ${maxLength}.`, {
      field: 'minLength',
      cure: 'Leave room for the end token.',
    })
  }
  if (!(Number.isInteger(candidates) && candidates > beamWidth)) {
    throw new ConfigError(`candidates is ${candidates}.`, {
      field: 'candidates',
      cure: `Use more than beamWidth, ${beamWidth}: each beam may propose the end token.`,
    })
  }
  if (!(temperature > 0))
    throw new ConfigError(`temperature is ${temperature}.`, { field: 'temperature', cure: 'Use more than 0.' })
  for (const [field, value] of Object.entries({ lengthPenalty, decoderWeight })) {
    if (!Number.isFinite(value)) throw new ConfigError(`${field} is ${value}.`, { field, cure: 'Use a finite number.' })
  }
}
