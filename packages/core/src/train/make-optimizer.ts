import { ConfigError } from '../errors'
import { AdamW, type AdamWOptions } from './adamw'
import type { OptimizedParameter, Optimizer } from './optimizer'
import { Sgd, type SgdOptions } from './sgd'

/** AdamW unless `name` says otherwise. */
export type OptimizerOptions = AdamWOptions | SgdOptions

/** Makes the optimiser that the options name. */
export const makeOptimizer = (parameters: readonly OptimizedParameter[], options: OptimizerOptions): Optimizer => {
  const { name = 'AdamW' } = options
  if (options.name === 'SGD') return new Sgd(parameters, options)
  if (name === 'AdamW' || name === 'Adam') return new AdamW(parameters, options)
  throw new ConfigError(`there is no optimiser "${String(name)}".`, {
    field: 'optimizer.name',
    cure: 'Take AdamW, Adam or SGD.',
  })
}
