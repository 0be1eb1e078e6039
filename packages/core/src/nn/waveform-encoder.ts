import * as tf from '@tensorflow/tfjs-core'
import { gelu } from '../ops/index'
import { Conv1d } from './conv1d'
import type { Initializer } from './initializer'
import { Module } from './module'
import { GroupNorm, LayerNorm } from './norm'

export interface WaveformEncoderOptions {
  /** Output channels of each layer. */
  readonly channels: readonly number[]
  readonly kernels: readonly number[]
  readonly strides: readonly number[]
  /** `group`: one group norm after the first layer (base). `layer`: a layer norm after each (large). */
  readonly norm: 'group' | 'layer'
  /** Default false. */
  readonly bias?: boolean
}

/** Frames that a convolutional encoder makes of `length` samples; 0 where there are fewer than its receptive field. */
export const convOutputLength = (length: number, kernels: readonly number[], strides: readonly number[]): number =>
  kernels.reduce((n, kernel, i) => (n < kernel ? 0 : Math.floor((n - kernel) / strides[i]!) + 1), length)

/** Samples that one frame of the encoder sees. */
export const convReceptiveField = (kernels: readonly number[], strides: readonly number[]): number =>
  kernels.reduceRight((field, kernel, i) => (field - 1) * strides[i]! + kernel, 1)

/** Convolution, normalisation (if any), GELU. */
class WaveformLayer extends Module {
  readonly conv: Conv1d
  readonly layerNorm?: GroupNorm | LayerNorm

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    stride: number,
    norm: 'group' | 'layer' | 'none',
    bias: boolean,
    init: Initializer,
  ) {
    super()
    this.conv = new Conv1d(inChannels, outChannels, kernel, init, { stride, bias })
    if (norm === 'group') this.layerNorm = new GroupNorm(outChannels, outChannels, init)
    if (norm === 'layer') this.layerNorm = new LayerNorm(outChannels, init)
  }

  forward(x: tf.Tensor3D, mask?: tf.Tensor): tf.Tensor3D {
    const y = this.conv.forward(x)
    if (this.layerNorm instanceof GroupNorm) return gelu(this.layerNorm.forward(y, mask))
    return gelu(this.layerNorm ? this.layerNorm.forward(y) : y)
  }
}

/** Convolutional encoder of the raw waveform (wav2vec 2.0, section 2: "feature encoder"). */
export class WaveformEncoder extends Module {
  readonly convLayers: WaveformLayer[]

  constructor(
    private readonly options: WaveformEncoderOptions,
    init: Initializer,
  ) {
    super()
    const { channels, kernels, strides, norm, bias = false } = options
    this.convLayers = channels.map((out, i) => {
      const layerNorm = norm === 'layer' ? 'layer' : i === 0 ? 'group' : 'none'
      return new WaveformLayer(channels[i - 1] ?? 1, out, kernels[i]!, strides[i]!, layerNorm, bias, init)
    })
  }

  /**
   * @param samples [batch, samples]
   * @param lengths int32 [batch], valid samples; given, the group norm's statistics leave padding out.
   * @returns [batch, frames, channels]
   */
  forward(samples: tf.Tensor2D, lengths?: tf.Tensor1D): tf.Tensor3D {
    const [batch, count] = samples.shape
    const x = tf.reshape(samples, [batch, count, 1]) as tf.Tensor3D
    const mask = lengths && this.#firstLayerMask(lengths, count)
    return this.convLayers.reduce((y, layer, i) => layer.forward(y, i === 0 ? mask : undefined), x)
  }

  /** [batch, frames of the first layer], 1 where the frame lies wholly in the valid samples. */
  #firstLayerMask(lengths: tf.Tensor1D, count: number): tf.Tensor {
    const [kernel, stride] = [this.options.kernels[0]!, this.options.strides[0]!]
    const frames = Math.floor((count - kernel) / stride) + 1
    const valid = tf.add(
      tf.floorDiv(tf.sub(lengths, tf.scalar(kernel, 'int32')), tf.scalar(stride, 'int32')),
      tf.scalar(1, 'int32'),
    )
    return tf.cast(tf.less(tf.range(0, frames, 1, 'int32'), tf.expandDims(valid, 1)), 'float32')
  }
}
