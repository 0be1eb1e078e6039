/** A small model with batch normalisation and an EMA teacher, and a run that trains it. */
import * as tf from '@tensorflow/tfjs-core'
import { floatArray } from '../data/index'
import { HostRng } from '../random/index'
import { type Objective, Trainer, type TrainerOptions } from '../train/index'
import { BatchNorm } from './batch-norm'
import { EmaTeacher } from './ema-teacher'
import { Initializer } from './initializer'
import { Linear } from './linear'
import { Module } from './module'

export const rows = 12

export class Model extends Module {
  readonly linear: Linear
  readonly norm: BatchNorm
  readonly out: Linear

  constructor(init: Initializer) {
    super()
    // A bias would be undone by the norm: its gradient is rounding noise.
    this.linear = new Linear(3, 4, init, { bias: false })
    this.norm = new BatchNorm(4, init)
    this.out = new Linear(4, 1, init)
  }

  forward(x: tf.Tensor2D, training: boolean): tf.Tensor2D {
    return this.out.forward(this.norm.forward(this.linear.forward(x), { training }))
  }
}

/** A model with a teacher that follows it. */
class Taught extends Module {
  readonly student: Model
  readonly ema: EmaTeacher<Model>

  constructor() {
    super()
    this.student = new Model(new Initializer(1))
    this.ema = new EmaTeacher(this.student, () => new Model(Initializer.empty()))
  }
}

export const source = (poisoned = (_index: number) => false) => ({
  name: 'toy',
  batchesPerEpoch: () => 5,
  batch: (epoch: number, index: number) => {
    const rng = new HostRng(3, epoch, index)
    const inputs = Float32Array.from({ length: rows * 3 }, () => 1 + rng.normal())
    if (poisoned(index)) inputs[0] = Number.NaN
    return { inputs: floatArray(inputs, [rows, 3]) }
  },
})

const objective = (model: Taught): Objective<{ inputs: tf.Tensor }> => ({
  name: 'toy',
  loss: ({ inputs }, { training }) => {
    const x = inputs as tf.Tensor2D
    const target = tf.sum(tf.square(x), 1, true)
    return { loss: tf.mean(tf.square(tf.sub(model.student.forward(x, training), target))), metrics: {} }
  },
  afterUpdate: () => model.ema.update(0.9),
})

export const train = async (options: Partial<TrainerOptions> = {}) => {
  const model = new Taught()
  const trainer = new Trainer({
    model,
    objective: objective(model) as TrainerOptions['objective'],
    data: source(),
    maxSteps: 8,
    optimizer: { learningRate: 0.05, eps: 1e-2 },
    seed: 1,
    logEvery: 1,
    onProgress: Object.assign(() => {}, { note: () => {} }),
    ...options,
  })
  const result = await trainer.run()
  trainer.dispose()
  const state = new Map([...model.stateDict()].map(([name, tensor]) => [name, Array.from(tensor.dataSync())]))
  return { model, state, result }
}
