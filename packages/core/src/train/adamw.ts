import * as tf from '@tensorflow/tfjs-core'
import { checkRange, type OptimizedParameter, type Optimizer, type OptimizerUpdate } from './optimizer'

export interface AdamWOptions {
  /**
   * `AdamW` (the default) decays weights apart from the gradient, as fairseq's "adam" does too; `Adam` adds `weightDecay` times the
   * parameter to its gradient, as `torch.optim.Adam` does, and has 0 for its default.
   */
  readonly name?: 'AdamW' | 'Adam'
  /** The base learning rate, which the schedule and the group's scale multiply. */
  readonly learningRate: number
  /** Decay rates of the two moments. Default [0.9, 0.999]; wav2vec 2.0 trains with [0.9, 0.98]. */
  readonly betas?: readonly [number, number]
  /** Added to the root of the bias-corrected second moment. Default 1e-8; wav2vec 2.0 takes 1e-6. */
  readonly eps?: number
  /** Each update multiplies a parameter by 1 - learningRate * weightDecay. Default 0.01 (`Adam`: see `name`). */
  readonly weightDecay?: number
  /** Which parameters decay. Default: all of them, as in PyTorch and fairseq; see `excludeBiasesAndNorms`. */
  readonly decayFilter?: (name: string, shape: readonly number[]) => boolean
}

/** A decay filter for those who spare biases and normalisation weights: everything with fewer than two dimensions. */
export const excludeBiasesAndNorms = (_name: string, shape: readonly number[]): boolean => shape.length >= 2

interface Slot extends OptimizedParameter {
  readonly firstMoment: tf.Variable
  readonly secondMoment: tf.Variable
  readonly decay: number
}

/** 1 - beta^count, through expm1: exact to float32 where beta^count is close to 1. */
const biasCorrection = (beta: number, count: tf.Tensor): tf.Tensor =>
  beta === 0 ? tf.scalar(1) : tf.neg(tf.expm1(tf.mul(count, Math.log(beta))))

/**
 * Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) or, as `Adam`, with a coupled one.
 * As in PyTorch the decoupled decay is scaled by the learning rate, and eps is added after the bias correction of the second moment.
 */
export class AdamW implements Optimizer {
  readonly #slots: Slot[]
  readonly #counts: tf.Variable[]
  readonly #betas: readonly [number, number]
  readonly #eps: number
  readonly #coupled: boolean

  constructor(parameters: readonly OptimizedParameter[], options: AdamWOptions) {
    const coupled = options.name === 'Adam'
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = coupled ? 0 : 0.01, decayFilter = () => true } = options
    checkRange('learningRate', options.learningRate, options.learningRate >= 0, 'at least 0')
    for (const beta of betas) checkRange('betas', beta, beta >= 0 && beta < 1, 'at least 0 and below 1')
    checkRange('eps', eps, eps >= 0, 'at least 0')
    checkRange('weightDecay', weightDecay, weightDecay >= 0, 'at least 0')
    this.#betas = betas
    this.#eps = eps
    this.#coupled = coupled
    const zeros = (shape: number[]) => tf.tidy(() => tf.variable(tf.zeros(shape), false))
    this.#slots = parameters.map((parameter) => ({
      ...parameter,
      firstMoment: zeros(parameter.variable.shape),
      secondMoment: zeros(parameter.variable.shape),
      decay: decayFilter(parameter.name, parameter.variable.shape) ? (parameter.weightDecay ?? weightDecay) : 0,
    }))
    const groups = Math.max(0, ...parameters.map(({ group }) => group + 1))
    this.#counts = Array.from({ length: groups }, () => zeros([]))
  }

  /** Updates parameters, moments and counts. */
  apply({ gradients, learningRates, activeGroups, gradientFactor, accept }: OptimizerUpdate): void {
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
        for (const { name, variable, firstMoment, secondMoment, decay } of slots) {
          tf.tidy(() => {
            const own = tf.mul(gradients.get(name)!, gradientFactor)
            const scaled = this.#coupled && decay > 0 ? tf.add(own, tf.mul(variable, decay)) : own
            const gradient = tf.where(accept, scaled, tf.zerosLike(scaled))
            const first = tf.add(firstMoment, tf.mul(rate1, tf.sub(gradient, firstMoment)))
            const second = tf.add(secondMoment, tf.mul(rate2, tf.sub(tf.square(gradient), secondMoment)))
            const denominator = tf.add(tf.mul(tf.sqrt(second), rootScale), this.#eps)
            const decays = !this.#coupled && decay > 0
            const decayed = decays ? tf.mul(variable, tf.sub(1, tf.mul(learningRate, decay))) : variable
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
