import { ConfigError } from '../errors'
import type { TrainerOptions } from './trainer-options'

const counts = [
  'maxSteps',
  'accumulate',
  'devices',
  'checkpointEvery',
  'keepLast',
  'logEvery',
  'evaluateEvery',
  'nonFinitePatience',
] as const

/** @throws ConfigError for options that cannot work, naming the field. */
export const checkOptions = (options: TrainerOptions): void => {
  for (const field of counts) {
    const value = options[field]
    if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
      throw new ConfigError(`${field} is ${value}; it must be a whole number of at least 1.`, { field })
    }
  }
  if (!Number.isSafeInteger(options.seed)) {
    throw new ConfigError(`seed is ${options.seed}; it must be a whole number.`, { field: 'seed' })
  }
  const monitors = ['non-finite', ...(options.monitors ?? []).map(({ name }) => name)]
  const twice = monitors.find((name, index) => monitors.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new ConfigError(`there are two monitors of the name "${twice}", which checkpoints could not tell apart.`, {
      field: 'monitors',
      cure:
        twice === 'non-finite' ? 'The trainer has this one itself: set nonFinitePatience.' : 'Give each its own name.',
    })
  }
  if (options.keepBest && !options.evaluate) {
    throw new ConfigError('there is no evaluation to rank checkpoints by.', {
      field: 'keepBest',
      cure: 'Give "evaluate" too, or leave "keepBest" out.',
    })
  }
}

/** A run's options as plain values, for its folder, its checkpoints and its report. */
export const describeOptions = (options: TrainerOptions): Record<string, unknown> => {
  const { optimizer, schedule, clipNorm, accumulate = 1, devices = 1, precision = 'float32' } = options
  const { decayFilter, ...numbers } = optimizer
  const { objective, data, seed, maxSteps, weightAverage, keepBest, modelConfig, config } = options
  return {
    objective: objective.name,
    data: data.name,
    seed,
    maxSteps,
    optimizer: { name: 'AdamW', ...numbers, ...(decayFilter ? { decayFilter: decayFilter.name || 'custom' } : {}) },
    learningRate: optimizer.learningRate,
    schedule: schedule ? (schedule.description ?? 'custom') : 'constant',
    ...(clipNorm === undefined ? {} : { clipNorm }),
    accumulate,
    devices,
    precision,
    ...(weightAverage ? { weightAverage } : {}),
    ...(keepBest
      ? { keepBest: { metric: keepBest.metric, mode: keepBest.mode ?? 'min', count: keepBest.count ?? 1 } }
      : {}),
    ...(config ? { config } : {}),
    ...(modelConfig ? { model: modelConfig } : {}),
  }
}
