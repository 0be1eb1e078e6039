import type * as tf from '@tensorflow/tfjs-core'
import { ConfigError } from '../errors'
import type { OptimizedParameter } from './adamw'

/** Parameters with a learning rate of their own. */
export interface ParameterGroup {
  /** Takes a parameter's name, such as `wav2vec2.encoder.layers.0.attention.k_proj.weight`. The first group that matches wins. */
  readonly match: (name: string) => boolean
  /** Factor on the learning rate at update `step` (from 1). At 0 the group is frozen: no gradient is computed for it. */
  readonly scale: (step: number) => number
}

/** What a trainer needs of a model; `Module` has it. */
export interface TrainableModel {
  namedParameters(): Map<string, tf.Variable>
}

/** The trainable parameters with their groups: those that no group matches are in group 0, `groups[i]` is group i + 1. */
export const assignGroups = (model: TrainableModel, groups: readonly ParameterGroup[]): OptimizedParameter[] => {
  const named = [...model.namedParameters()]
  const parameters = named
    .filter(([, variable]) => variable.trainable)
    .map(([name, variable]) => ({ name, variable, group: groups.findIndex(({ match }) => match(name)) + 1 }))
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
