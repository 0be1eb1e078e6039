import * as tf from '@tensorflow/tfjs-core'
import { conv1d, gelu } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'

export interface PositionalConvOptions {
  readonly hiddenSize: number
  /** In frames. */
  readonly kernel: number
  readonly groups: number
}

/** A grouped convolution over time, its weight g v / ||v|| with one norm a kernel tap (Salimans and Kingma 2016). */
class WeightNormConv1d extends Module {
  /** g [1, 1, kernel] */
  readonly original0: tf.Variable
  /** v [out, in / groups, kernel] */
  readonly original1: tf.Variable
  readonly bias: tf.Variable

  constructor(
    private readonly options: PositionalConvOptions,
    init: Initializer,
  ) {
    super()
    const { hiddenSize, kernel, groups } = options
    const perGroup = hiddenSize / groups
    const shape = [hiddenSize, perGroup, kernel]
    this.original1 = init.normal(shape, 2 * Math.sqrt(1 / (kernel * hiddenSize)))
    // g begins as the norm of v, so that the weight begins as v.
    const squares = new Float64Array(kernel)
    this.original1.dataSync().forEach((value, i) => {
      squares[i % kernel]! += value * value
    })
    this.original0 = init.from([1, 1, kernel], () => Float32Array.from(squares, Math.sqrt))
    this.bias = init.constant([hiddenSize], 0)
  }

  protected override keyOverrides() {
    return { original0: 'parametrizations.weight.original0', original1: 'parametrizations.weight.original1' }
  }

  forward(x: tf.Tensor3D): tf.Tensor3D {
    const { kernel, groups } = this.options
    const norm = tf.sqrt(tf.sum(tf.square(this.original1), [0, 1], true))
    const weight = tf.mul(this.original1, tf.div(this.original0, norm)) as tf.Tensor3D
    // Padded by half the kernel on both sides; an even kernel then gives one frame too many, at the end, which is dropped.
    const half = Math.floor(kernel / 2)
    return tf.add(
      conv1d(x, weight, { groups, padding: [half, kernel % 2 === 0 ? half - 1 : half] }),
      this.bias,
    ) as tf.Tensor3D
  }
}

/** Relative position embedding by a grouped convolution with GELU (wav2vec 2.0, section 2). */
export class PositionalConvEmbedding extends Module {
  readonly conv: WeightNormConv1d

  constructor(options: PositionalConvOptions, init: Initializer) {
    super()
    this.conv = new WeightNormConv1d(options, init)
  }

  /** [batch, time, hidden] -> the same */
  forward(x: tf.Tensor3D): tf.Tensor3D {
    return gelu(this.conv.forward(x))
  }
}
