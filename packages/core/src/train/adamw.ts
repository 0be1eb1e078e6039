import * as tf from '@tensorflow/tfjs-core'
import { ConfigError } from '../errors'

export interface AdamWOptions {
  /** The base learning rate, which the schedule and the group's scale multiply. */
  readonly learningRate: number
  /** Decay rates of the two moments. Default [0.9, 0.999]; wav2vec 2.0 trains with [0.9, 0.98]. */
  readonly betas?: readonly [number, number]
  /** Added to the root of the bias-corrected second moment. Default 1e-8; wav2vec 2.0 takes 1e-6. */
  readonly eps?: number
  /** Decoupled decay: each update multiplies a parameter by 1 - learningRate * weightDecay. Default 0.01. */
  readonly weightDecay?: number
  /** Which parameters decay. Default: all of them, as in PyTorch and fairseq; see `excludeBiasesAndNorms`. */
  readonly decayFilter?: (name: string, shape: readonly number[]) => boolean
}

/** A decay filter for those who spare biases and normalisation weights: everything with fewer than two dimensions. */
export const excludeBiasesAndNorms = (_name: string, shape: readonly number[]): boolean => shape.length >= 2

/** A parameter under optimisation. */
export interface OptimizedParameter {
  readonly name: string
  readonly variable: tf.Variable
  /** Index of its parameter group: groups have a learning rate and an update count of their own. */
  readonly group: number
}

export interface AdamWUpdate {
  /** Gradients by parameter name. A parameter without one is left alone altogether, as PyTorch does. */
  readonly gradients: ReadonlyMap<string, tf.Tensor>
  /** The learning rate of each group, as scalars on the engine. */
  readonly learningRates: readonly tf.Scalar[]
  /** Groups to update; the others keep parameters, moments and count. */
  readonly activeGroups: readonly number[]
  /** Multiplies each gradient (clipping, sample size). */
  readonly gradientFactor: tf.Scalar
  /** bool scalar: where false nothing changes, whatever the gradients hold (NaN included). */
  readonly accept: tf.Scalar
}

interface Slot extends OptimizedParameter {
  readonly firstMoment: tf.Variable
  readonly secondMoment: tf.Variable
  readonly decays: boolean
}

/** 1 - beta^count, through expm1: exact to float32 where beta^count is close to 1. */
const biasCorrection = (beta: number, count: tf.Tensor): tf.Tensor =>
  beta === 0 ? tf.scalar(1) : tf.neg(tf.expm1(tf.mul(count, Math.log(beta))))

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), in PyTorch's form: the decay is scaled by the
 * learning rate, and eps is added after the bias correction of the second moment.
 *
 * `apply` consists of TensorFlow.js ops and variable assignments only, so it can be part of a compiled step. Moments and counts are
 * variables; `state` names them for checkpoints.
 */
export class AdamW {
  readonly #slots: Slot[]
  readonly #counts: tf.Variable[]
  readonly #betas: readonly [number, number]
  readonly #eps: number
  readonly #weightDecay: number

  constructor(parameters: readonly OptimizedParameter[], options: AdamWOptions) {
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01, decayFilter = () => true } = options
    const range = (field: string, value: number, valid: boolean, wanted: string) => {
      if (!valid) throw new ConfigError(`${field} is ${value}; it must be ${wanted}.`, { field })
    }
    range('learningRate', options.learningRate, options.learningRate >= 0, 'at least 0')
    for (const beta of betas) range('betas', beta, beta >= 0 && beta < 1, 'at least 0 and below 1')
    range('eps', eps, eps >= 0, 'at least 0')
    range('weightDecay', weightDecay, weightDecay >= 0, 'at least 0')
    this.#betas = betas
    this.#eps = eps
    this.#weightDecay = weightDecay
    const zeros = (shape: number[]) => tf.tidy(() => tf.variable(tf.zeros(shape), false))
    this.#slots = parameters.map((parameter) => ({
      ...parameter,
      firstMoment: zeros(parameter.variable.shape),
      secondMoment: zeros(parameter.variable.shape),
      decays: weightDecay > 0 && decayFilter(parameter.name, parameter.variable.shape),
    }))
    const groups = Math.max(0, ...parameters.map(({ group }) => group + 1))
    this.#counts = Array.from({ length: groups }, () => zeros([]))
  }

  /** Updates parameters, moments and counts. */
  apply({ gradients, learningRates, activeGroups, gradientFactor, accept }: AdamWUpdate): void {
    const [beta1, beta2] = this.#betas
    tf.tidy(() => {
      // With these at 0 each assignment below gives back the old value exactly, once the gradient is finite.
      const gate = tf.cast(accept, 'float32')
      const rate1 = tf.mul(gate, 1 - beta1)
      const rate2 = tf.mul(gate, 1 - beta2)
      for (const group of activeGroups) {
        const slots = this.#slots.filter((slot) => slot.group === group && gradients.has(slot.name))
        if (slots.length === 0) continue
        const count = this.#counts[group]!
        const next = tf.add(count, 1)
        const correction1 = biasCorrection(beta1, next)
        const correction2 = biasCorrection(beta2, next)
        const learningRate = tf.mul(gate, learningRates[group]!)
        const stepSize = tf.div(learningRate, correction1)
        const rootScale = tf.rsqrt(correction2)
        const keep = tf.sub(1, tf.mul(learningRate, this.#weightDecay))
        for (const { name, variable, firstMoment, secondMoment, decays } of slots) {
          tf.tidy(() => {
            const scaled = tf.mul(gradients.get(name)!, gradientFactor)
            const gradient = tf.where(accept, scaled, tf.zerosLike(scaled))
            const first = tf.add(firstMoment, tf.mul(rate1, tf.sub(gradient, firstMoment)))
            const second = tf.add(secondMoment, tf.mul(rate2, tf.sub(tf.square(gradient), secondMoment)))
            const denominator = tf.add(tf.mul(tf.sqrt(second), rootScale), this.#eps)
            const decayed = decays ? tf.mul(variable, keep) : variable
            // 0 / 0 where eps is 0 and the moments are: no gradient so far, no step.
            const direction = this.#eps > 0 ? tf.div(first, denominator) : tf.divNoNan(first, denominator)
            variable.assign(tf.sub(decayed, tf.mul(stepSize, direction)))
            firstMoment.assign(first)
            secondMoment.assign(second)
          })
        }
        count.assign(tf.add(count, gate))
      }
    })
  }

  /** The variables that a checkpoint must hold: `<parameter>.exp_avg`, `<parameter>.exp_avg_sq` and `updates.<group>`. */
  state(): Map<string, tf.Variable> {
    const state = new Map<string, tf.Variable>()
    for (const { name, firstMoment, secondMoment } of this.#slots) {
      state.set(`${name}.exp_avg`, firstMoment)
      state.set(`${name}.exp_avg_sq`, secondMoment)
    }
    this.#counts.forEach((count, group) => {
      state.set(`updates.${group}`, count)
    })
    return state
  }

  dispose(): void {
    for (const variable of this.state().values()) variable.dispose()
  }
}
