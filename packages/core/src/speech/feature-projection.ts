import * as tf from '@tensorflow/tfjs-core'
import { dropout, type ForwardContext, type Initializer, LayerNorm, Linear, Module, WaveformEncoder } from '../nn/index'
import type { SpeechEncoderConfig } from './speech-encoder-config'

/** The feature encoder of section 2: convolutions from the waveform to a frame every 20 ms. */
export const featureEncoder = (config: SpeechEncoderConfig, init: Initializer): WaveformEncoder =>
  new WaveformEncoder(
    {
      channels: config.convDim,
      kernels: config.convKernel,
      strides: config.convStride,
      norm: config.featExtractNorm,
      bias: config.convBias,
    },
    init,
  )

/** Layer norm of the encoder's output, which is also what wav2vec 2.0 quantises, and its projection to the Transformer's width. */
export class FeatureProjection extends Module {
  /** None with `featProjLayerNorm: false`. */
  readonly layerNorm?: LayerNorm
  readonly projection: Linear
  readonly #dropout: number

  constructor(config: SpeechEncoderConfig, init: Initializer) {
    super()
    const channels = config.convDim.at(-1)!
    if (config.featProjLayerNorm !== false) this.layerNorm = new LayerNorm(channels, init, config.layerNormEps)
    this.projection = new Linear(channels, config.hiddenSize, init)
    this.#dropout = config.featProjDropout
  }

  /**
   * @param features `[batch, frames, channels]`
   * @returns `hidden` `[batch, frames, hidden]` and `normalised` `[batch, frames, channels]`
   */
  forward(features: tf.Tensor3D, context: ForwardContext): { hidden: tf.Tensor3D; normalised: tf.Tensor3D } {
    const normalised = this.layerNorm ? this.layerNorm.forward(features) : features
    return { hidden: dropout(this.projection.forward(normalised), this.#dropout, context), normalised }
  }
}

/** Valid samples of each utterance: int32 `[batch]`. */
export const sampleLengths = (attentionMask: tf.Tensor): tf.Tensor1D =>
  tf.sum(tf.cast(attentionMask, 'int32'), 1) as tf.Tensor1D

/** Frames that the feature encoder makes of each utterance's valid samples (Hugging Face's formula): int32 `[batch]`. */
export const frameLengths = (
  config: Pick<SpeechEncoderConfig, 'convKernel' | 'convStride'>,
  lengths: tf.Tensor1D,
): tf.Tensor1D =>
  config.convKernel.reduce((length, kernel, layer) => {
    const whole = (value: number) => tf.scalar(value, 'int32')
    const steps = tf.floorDiv(tf.sub(length, whole(kernel)), whole(config.convStride[layer]!))
    return tf.maximum(tf.add(steps, whole(1)), whole(0)) as tf.Tensor1D
  }, lengths)

/**
 * Frames of each utterance as fairseq's HuBERT counts them: the samples are cut into as many equal chunks as there are frames, what is left over is dropped, and a chunk
 * with one valid sample counts. int32 `[batch]`.
 */
export const chunkFrameLengths = (lengths: tf.Tensor1D, samples: number, frames: number): tf.Tensor1D => {
  const chunk = tf.scalar(Math.floor(samples / frames), 'int32')
  const begun = tf.floorDiv(tf.add(lengths, tf.sub(chunk, tf.scalar(1, 'int32'))), chunk)
  return tf.minimum(begun, tf.scalar(frames, 'int32')) as tf.Tensor1D
}

/** float32 `[batch, frames]`: 1 at an utterance's frames, 0 after them. */
export const frameMask = (lengths: tf.Tensor1D, frames: number): tf.Tensor2D =>
  tf.cast(tf.less(tf.range(0, frames, 1, 'int32'), tf.expandDims(lengths, 1)), 'float32') as tf.Tensor2D
