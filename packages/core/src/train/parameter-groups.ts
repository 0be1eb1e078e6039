import type * as tf from '@tensorflow/tfjs-core'
import { ConfigError } from '../errors'
import type { OptimizedParameter } from './optimizer'

/** Parameters with a learning rate of their own. */
export interface ParameterGroup {
  /** Takes a parameter's name, such as `wav2vec2.encoder.layers.0.attention.k_proj.weight`. The first group that matches wins. */
  readonly match: (name: string) => boolean
  /** Factor on the learning rate at update `step` (from 1). At 0 the group is frozen: no gradient is computed for it. */
  readonly scale: (step: number) => number
  /** Weight decay in place of the optimiser's. */
  readonly weightDecay?: number
}

/** What a trainer needs of a model; `Module` has it. */
export interface TrainableModel {
  namedParameters(): Map<string, tf.Variable>
  /** Variables that a forward pass or the objective assigns, such as running statistics. */
  namedBuffers?(): Map<string, tf.Variable>
}

/** The trainable parameters with their groups: those that no group matches are in group 0, `groups[i]` is group i + 1. */
export const assignGroups = (model: TrainableModel, groups: readonly ParameterGroup[]): OptimizedParameter[] => {
  const named = [...model.namedParameters()]
  const parameters = named
    .filter(([, variable]) => variable.trainable)
    .map(([name, variable]): OptimizedParameter => {
      const index = groups.findIndex(({ match }) => match(name))
      const weightDecay = groups[index]?.weightDecay
      return { name, variable, group: index + 1, ...(weightDecay === undefined ? {} : { weightDecay }) }
    })
  groups.forEach((group, index) => {
    if (!named.some(([name]) => group.match(name))) {
      throw new ConfigError(`parameter group ${index} matches no parameter.`, {
        field: 'parameterGroups',
        cure: `Names look like ${named[0]?.[0] ?? '(the model has no parameters)'}.`,
      })
    }
  })
  return parameters
}

/** A scale that freezes its group for the first `steps` updates, as wav2vec 2.0's fine-tuning does with the Transformer (10,000). */
export const freezeUntil =
  (steps: number, scale: (step: number) => number = () => 1) =>
  (step: number): number =>
    step <= steps ? 0 : scale(step)

export interface LayerwiseDecayOptions {
  /** The layers from the input to the output, each by a prefix of its parameters' names or a test of them. */
  readonly layers: readonly (string | ((name: string) => boolean))[]
  /** Factor on the learning rate from one layer to the one below it, such as 0.9. */
  readonly decay: number
  /** A further factor for all of them, which varies with the update. Default 1. */
  readonly scale?: (step: number) => number
}

/**
 * Groups whose learning rates fall from the last layer (`decay`) to the first (`decay` to the power of their number), as BEiT and
 * data2vec are fine-tuned; what no layer matches, such as a new head, keeps the whole rate.
 */
export const layerwiseDecayGroups = ({ layers, decay, scale = () => 1 }: LayerwiseDecayOptions): ParameterGroup[] => {
  if (!(decay > 0 && decay <= 1)) {
    throw new ConfigError(`decay is ${decay}; it must be above 0 and at most 1.`, { field: 'decay' })
  }
  return layers.map((layer, index) => ({
    // "layers.1" must not match "layers.10".
    match: typeof layer === 'string' ? (name: string) => name === layer || name.startsWith(`${layer}.`) : layer,
    scale: (step: number) => decay ** (layers.length - index) * scale(step),
  }))
}
