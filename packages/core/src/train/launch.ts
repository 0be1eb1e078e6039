import * as tf from '@tensorflow/tfjs-core'
import { type PlacedBatch, toTensors } from '../data/index'
import { rngKeyValues } from '../random/index'
import { microBatches } from './cut-batch'
import type { Batch } from './objective'
import type { TrainStep } from './step'
import type { StepControls } from './step-options'
import type { WatchedStep } from './step-watcher'
import type { TrainerOptions } from './trainer-options'

/** A step that the engine works on, or has done. */
export interface LaunchedStep {
  /** Resolves or rejects when the engine is done with it. */
  readonly done: Promise<unknown>
  /** Waits for its metrics. */
  finish(): Promise<WatchedStep>
  /** Gives its metrics up. */
  dispose(): void
}

/** What varies in update `step`: learning rates by schedule and group, the groups that train, the random key. */
const controlsOf = (options: TrainerOptions, step: number): StepControls & { readonly learningRate: number } => {
  const { optimizer, schedule, parameterGroups = [], seed } = options
  const learningRate = optimizer.learningRate * (schedule?.(step) ?? 1)
  const scales = [1, ...parameterGroups.map(({ scale }) => scale(step))]
  return {
    step,
    learningRate,
    learningRates: scales.map((scale) => learningRate * scale),
    activeGroups: scales.flatMap((scale, group) => (scale === 0 ? [] : [group])),
    // The 0 keeps the random numbers of a seed what they have always been.
    key: rngKeyValues(seed, 'training step', step, 0),
  }
}

/** Gives a batch to the engine for update `step`, without waiting for it. */
export const launchStep = (
  program: TrainStep<Batch>,
  options: TrainerOptions,
  step: number,
  placed: PlacedBatch,
): LaunchedStep => {
  const { data, accumulate = 1, devices = 1 } = options
  const { learningRate, ...controls } = controlsOf(options, step)
  const tensors = microBatches(data, placed.batch, accumulate, devices).map(toTensors)
  const vector = program.run(tensors, controls)
  tf.dispose(tensors)
  const values = vector.data()
  // Whoever finishes the step sees a failure; a run that ends before that must not die of it.
  values.catch(() => {})
  return {
    done: values,
    finish: async () => {
      const { metrics, gradientNorms } = program.read(await values, controls.activeGroups)
      vector.dispose()
      return { controls, placed, metrics: { learningRate, ...metrics }, gradientNorms }
    },
    dispose: () => vector.dispose(),
  }
}
