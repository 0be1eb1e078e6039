/** A small regression problem for the tests of this folder. */
import * as tf from '@tensorflow/tfjs-core'
import { type HostTensor, toFloat32 } from '../checkpoint/index'
import { type BatchSource, floatArray } from '../data/index'
import { CheckpointError } from '../errors'
import { HostRng } from '../random/index'
import type { Objective } from './objective'
import type { CheckpointableModel } from './trainer-options'

/** tanh network with one hidden layer. */
export class ToyModel implements CheckpointableModel {
  readonly parameters: Map<string, tf.Variable>

  constructor(
    readonly hidden = 8,
    seed = 1,
  ) {
    const rng = new HostRng(seed, 'toy model')
    const normal = (shape: number[]) => {
      const size = shape.reduce((product, length) => product * length, 1)
      return tf.tidy(() =>
        tf.variable(
          tf.tensor(
            Float32Array.from({ length: size }, () => 0.5 * rng.normal()),
            shape,
          ),
        ),
      )
    }
    this.parameters = new Map([
      ['hidden.weight', normal([3, hidden])],
      ['hidden.bias', normal([hidden])],
      ['out.weight', normal([hidden, 1])],
    ])
  }

  forward(inputs: tf.Tensor, mask?: tf.Tensor): tf.Tensor {
    const parameter = (name: string) => this.parameters.get(name) as tf.Tensor
    const hidden = tf.tanh(tf.add(tf.matMul(inputs, parameter('hidden.weight')), parameter('hidden.bias')))
    return tf.matMul(mask ? tf.mul(hidden, mask) : hidden, parameter('out.weight'))
  }

  namedParameters(): Map<string, tf.Variable> {
    return this.parameters
  }

  stateDict(): Map<string, tf.Tensor> {
    return new Map(this.parameters)
  }

  loadStateDict(tensors: Map<string, HostTensor>, options: { file?: string } = {}): void {
    for (const [name, variable] of this.parameters) {
      const tensor = tensors.get(name)
      if (!tensor || tensor.shape.join() !== variable.shape.join()) {
        throw new CheckpointError(`"${name}" does not fit.`, { field: name, ...options })
      }
      tf.tidy(() => variable.assign(tf.tensor(toFloat32(tensor), [...tensor.shape])))
    }
  }

  values(): number[] {
    return [...this.parameters.values()].flatMap((variable) => [...variable.dataSync()])
  }
}

/** y = sin(x0) + x1 x2 at random points; epochs of 7 batches. */
export const toyData = (
  options: { seed?: number; rows?: number; poisoned?: (epoch: number, index: number) => boolean } = {},
): BatchSource => {
  const { seed = 5, rows = 16, poisoned = () => false } = options
  return {
    name: `toy(${seed})`,
    batchesPerEpoch: () => 7,
    batch: (epoch, index) => {
      const rng = new HostRng(seed, epoch, index)
      const inputs = Float32Array.from({ length: rows * 3 }, () => 2 * rng.uniform() - 1)
      const targets = Float32Array.from(
        { length: rows },
        (_, row) => Math.sin(inputs[3 * row]!) + inputs[3 * row + 1]! * inputs[3 * row + 2]!,
      )
      if (poisoned(epoch, index)) targets[0] = Number.NaN
      return { inputs: floatArray(inputs, [rows, 3]), targets: floatArray(targets, [rows, 1]) }
    },
    audioSeconds: () => rows / 100,
  }
}

type ToyBatch = { inputs: tf.Tensor; targets: tf.Tensor }

/**
 * Squared error: the mean, or the sum with its sample size. With dropout it draws from the step's key. With `draws` its metrics tell a
 * random number of the step, and which batch it was by the sum of its inputs.
 */
export const toyObjective = (
  model: ToyModel,
  options: { sum?: boolean; dropout?: number; draws?: boolean } = {},
): Objective<ToyBatch> => ({
  name: 'toy regression',
  reductions: { absolute: options.sum ? 'perSample' : 'mean', rows: 'sum', inputs: 'sum' },
  loss: ({ inputs, targets }, { rng, training }) => {
    const { sum = false, dropout = 0 } = options
    const mask =
      training && dropout > 0
        ? tf.div(
            tf.cast(tf.greaterEqual(rng.uniform([inputs.shape[0]!, model.hidden]), dropout), 'float32'),
            1 - dropout,
          )
        : undefined
    const difference = tf.sub(model.forward(inputs, mask), targets)
    const reduce = (x: tf.Tensor) => (sum ? tf.sum(x) : tf.mean(x)) as tf.Scalar
    const rows = tf.scalar(inputs.shape[0]!)
    return {
      loss: reduce(tf.square(difference)),
      metrics: {
        absolute: reduce(tf.abs(difference)),
        rows,
        ...(sum ? { sampleSize: rows } : {}),
        ...(options.draws ? { draw: rng.uniform([]) as tf.Scalar, inputs: tf.sum(inputs) as tf.Scalar } : {}),
      },
    }
  },
})
