import * as tf from '@tensorflow/tfjs-core'
import { conv1d, gelu, layerNorm } from '../ops/index'
import type { Initializer } from './initializer'
import { Module } from './module'
import type { PositionalConvOptions } from './positional-conv'

/** A grouped convolution over time that keeps the length. */
class SameConv1d extends Module {
  /** [hidden, hidden / groups, kernel] */
  readonly weight: tf.Variable
  readonly bias: tf.Variable

  constructor(
    private readonly options: PositionalConvOptions,
    init: Initializer,
  ) {
    super()
    const { hiddenSize, kernel, groups } = options
    const fanIn = (hiddenSize / groups) * kernel
    this.weight = init.uniform([hiddenSize, hiddenSize / groups, kernel], 1 / Math.sqrt(fanIn))
    this.bias = init.uniform([hiddenSize], 1 / Math.sqrt(fanIn))
  }

  forward(x: tf.Tensor3D): tf.Tensor3D {
    const { kernel, groups } = this.options
    const half = Math.floor(kernel / 2)
    const padding = [half, kernel % 2 === 0 ? half - 1 : half] as const
    return tf.add(conv1d(x, this.weight as unknown as tf.Tensor3D, { groups, padding }), this.bias) as tf.Tensor3D
  }
}

/** Convolution, LayerNorm without scale and shift, GELU. */
class PositionalConvLayer extends Module {
  readonly conv: SameConv1d

  constructor(
    private readonly options: PositionalConvOptions,
    init: Initializer,
  ) {
    super()
    this.conv = new SameConv1d(options, init)
  }

  forward(x: tf.Tensor3D): tf.Tensor3D {
    const { hiddenSize } = this.options
    return gelu(layerNorm(this.conv.forward(x), tf.ones([hiddenSize]), tf.zeros([hiddenSize]), 1e-5))
  }
}

/** Position embedding by several smaller convolutions (data2vec, Baevski et al. 2022, section 4.2: "a stack of convolutions"). */
export class PositionalConvStack extends Module {
  readonly layers: PositionalConvLayer[]

  constructor(options: PositionalConvOptions & { readonly depth: number }, init: Initializer) {
    super()
    this.layers = Array.from({ length: options.depth }, () => new PositionalConvLayer(options, init))
  }

  /** [batch, time, hidden] -> the same */
  forward(x: tf.Tensor3D): tf.Tensor3D {
    return this.layers.reduce((y, layer) => layer.forward(y), x)
  }
}
