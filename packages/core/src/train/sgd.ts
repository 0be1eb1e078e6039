import * as tf from '@tensorflow/tfjs-core'
import { checkRange, type OptimizedParameter, type Optimizer, type OptimizerUpdate } from './optimizer'

export interface SgdOptions {
  readonly name: 'SGD'
  /** The base learning rate, which the schedule and the group's scale multiply. */
  readonly learningRate: number
  /** Share of the last direction that is kept. Default 0. */
  readonly momentum?: number
  /** Looks ahead along the momentum (Nesterov 1983). Default false. */
  readonly nesterov?: boolean
  /** Coupled decay: adds this times the parameter to its gradient. Default 0. */
  readonly weightDecay?: number
  /** Which parameters decay. Default: all of them. */
  readonly decayFilter?: (name: string, shape: readonly number[]) => boolean
}

/** Stochastic gradient descent with momentum, as `torch.optim.SGD` without dampening computes it. */
export class Sgd implements Optimizer {
  readonly #slots: readonly (OptimizedParameter & { readonly decay: number; readonly momentum?: tf.Variable })[]
  readonly #options: SgdOptions

  constructor(parameters: readonly OptimizedParameter[], options: SgdOptions) {
    const { learningRate, momentum = 0, nesterov = false, weightDecay = 0, decayFilter = () => true } = options
    checkRange('learningRate', learningRate, learningRate >= 0, 'at least 0')
    checkRange('momentum', momentum, momentum >= 0 && momentum < 1, 'at least 0 and below 1')
    checkRange('momentum', momentum, !nesterov || momentum > 0, 'above 0 with "nesterov"')
    checkRange('weightDecay', weightDecay, weightDecay >= 0, 'at least 0')
    this.#options = options
    this.#slots = parameters.map((parameter) => ({
      ...parameter,
      decay: decayFilter(parameter.name, parameter.variable.shape) ? (parameter.weightDecay ?? weightDecay) : 0,
      ...(momentum > 0 ? { momentum: tf.tidy(() => tf.variable(tf.zeros(parameter.variable.shape), false)) } : {}),
    }))
  }

  apply({ gradients, learningRates, activeGroups, gradientFactor, accept }: OptimizerUpdate): void {
    const { momentum = 0, nesterov = false } = this.#options
    for (const { name, variable, group, decay, momentum: buffer } of this.#slots) {
      const given = gradients.get(name)
      if (!given || !activeGroups.includes(group)) continue
      tf.tidy(() => {
        const scaled = tf.mul(given, gradientFactor)
        const gradient = decay > 0 ? tf.add(scaled, tf.mul(variable, decay)) : scaled
        // The buffer begins at 0, so the first direction is the gradient itself, as PyTorch's is.
        const moving = buffer ? tf.add(tf.mul(buffer, momentum), gradient) : gradient
        const direction = nesterov ? tf.add(gradient, tf.mul(moving, momentum)) : moving
        const next = tf.sub(variable, tf.mul(direction, learningRates[group]!))
        variable.assign(tf.where(accept, next, variable))
        buffer?.assign(tf.where(accept, moving, buffer))
      })
    }
  }

  /** `<parameter>.momentum_buffer`, where there is momentum. */
  state(): Map<string, tf.Variable> {
    return new Map(
      this.#slots.flatMap(({ name, momentum }) => (momentum ? [[`${name}.momentum_buffer`, momentum] as const] : [])),
    )
  }

  dispose(): void {
    for (const variable of this.state().values()) variable.dispose()
  }
}
