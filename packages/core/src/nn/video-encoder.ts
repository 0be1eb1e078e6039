import * as tf from '@tensorflow/tfjs-core'
import { maxPool2d } from '../ops/index'
import { BatchNorm } from './batch-norm'
import { Conv3d } from './conv3d'
import type { Initializer } from './initializer'
import { type ForwardContext, Module } from './module'
import { PReLU } from './prelu'
import { activate, type ResNetActivation, type ResNetOptions, ResNetTrunk } from './resnet'

/** Convolution over 5 frames and 7 x 7 pixels, norm, activation, 3 x 3 max pooling: a quarter of the sides, every frame kept. */
class VideoStem extends Module {
  readonly conv: Conv3d
  readonly norm: BatchNorm
  readonly activation?: PReLU

  constructor(channels: number, activation: ResNetActivation, init: Initializer) {
    super()
    this.conv = new Conv3d(1, channels, [5, 7, 7], init, { stride: [1, 2, 2], padding: [2, 3, 3], bias: false })
    this.norm = new BatchNorm(channels, init)
    if (activation === 'prelu') this.activation = new PReLU(channels, init)
  }

  protected override keyOverrides() {
    return { conv: '0', norm: '1', activation: '2' }
  }

  forward(x: tf.Tensor5D, context: ForwardContext): tf.Tensor5D {
    const normal = this.norm.forward(this.conv.forward(x), context)
    const [batch, time, height, width, channels] = normal.shape
    const images = tf.reshape(activate(normal, this.activation), [batch * time, height, width, channels])
    const pooled = maxPool2d(images as tf.Tensor4D, { size: 3, stride: 2, padding: 1 })
    return tf.reshape(pooled, [batch, time, pooled.shape[1], pooled.shape[2], channels])
  }
}

export interface VideoEncoderOutput {
  /** One vector a frame: [batch, time, planes[3]] */
  readonly features: tf.Tensor3D
  /** [batch, time, height / 4, width / 4, planes[0]] */
  readonly stem: tf.Tensor5D
  /** What each of the trunk's stages gives, frames as images: [batch * time, height, width, planes] */
  readonly stages: readonly tf.Tensor4D[]
}

/**
 * Encoder of mouth video: a 3-D convolutional stem, a ResNet-18 trunk for each frame and an average over the image (Stafylakis and
 * Tzimiropoulos 2017; AV-HuBERT, Shi et al. 2022, section 3.1, with PReLU).
 */
export class VideoEncoder extends Module {
  readonly frontend3D: VideoStem
  readonly trunk: ResNetTrunk

  constructor(options: Omit<ResNetOptions, 'inChannels'>, init: Initializer) {
    super()
    const { activation = 'prelu', planes = [64, 128, 256, 512] } = options
    this.frontend3D = new VideoStem(planes[0], activation, init)
    this.trunk = new ResNetTrunk({ ...options, planes, activation }, init)
  }

  protected override keyOverrides() {
    return { frontend3D: 'frontend3D' }
  }

  /** @param video Grey frames [batch, time, height, width, 1], normalised */
  forward(video: tf.Tensor5D, context: ForwardContext): VideoEncoderOutput {
    const stem = this.frontend3D.forward(video, context)
    const [batch, time, height, width, channels] = stem.shape
    const stages = this.trunk.forward(tf.reshape(stem, [batch * time, height, width, channels]) as tf.Tensor4D, context)
    const features = tf.reshape(tf.mean(stages[3], [1, 2]), [batch, time, stages[3].shape[3]]) as tf.Tensor3D
    return { features, stem, stages }
  }
}
