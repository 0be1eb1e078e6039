import * as tf from '@tensorflow/tfjs-core'
import { BatchNorm } from './batch-norm'
import { Conv2d } from './conv2d'
import type { Initializer } from './initializer'
import { type ForwardContext, Module } from './module'
import { PReLU } from './prelu'

/** `prelu`: with a trained slope for each channel, as AV-HuBERT has it. */
export type ResNetActivation = 'relu' | 'prelu'

/** Runs the activation: ReLU, or the PReLU that was made. */
export const activate = <T extends tf.Tensor>(x: T, prelu: PReLU | undefined): T =>
  prelu ? prelu.forward(x) : (tf.relu(x) as T)

/** Convolutions start as He et al. 2015 have it for the fan-out. */
const convolution = (inputs: number, outputs: number, kernel: number, stride: number, init: Initializer): Conv2d =>
  new Conv2d(inputs, outputs, kernel, init, {
    stride,
    padding: Math.floor(kernel / 2),
    bias: false,
    std: Math.sqrt(2 / (kernel * kernel * outputs)),
  })

/** The 1 x 1 convolution and norm of a shortcut that changes size. */
class Downsample extends Module {
  readonly conv: Conv2d
  readonly norm: BatchNorm

  constructor(inputs: number, outputs: number, stride: number, init: Initializer) {
    super()
    this.conv = convolution(inputs, outputs, 1, stride, init)
    this.norm = new BatchNorm(outputs, init)
  }

  protected override keyOverrides() {
    return { conv: '0', norm: '1' }
  }

  forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor4D {
    return this.norm.forward(this.conv.forward(x), context)
  }
}

/** Two 3 x 3 convolutions with a shortcut around them (He et al. 2016, figure 5, left). */
export class BasicBlock extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm
  readonly relu1?: PReLU
  readonly relu2?: PReLU
  readonly conv2: Conv2d
  readonly bn2: BatchNorm
  readonly downsample?: Downsample

  constructor(inputs: number, outputs: number, stride: number, activation: ResNetActivation, init: Initializer) {
    super()
    this.conv1 = convolution(inputs, outputs, 3, stride, init)
    this.bn1 = new BatchNorm(outputs, init)
    if (activation === 'prelu') {
      this.relu1 = new PReLU(outputs, init)
      this.relu2 = new PReLU(outputs, init)
    }
    this.conv2 = convolution(outputs, outputs, 3, 1, init)
    this.bn2 = new BatchNorm(outputs, init)
    if (stride !== 1 || inputs !== outputs) this.downsample = new Downsample(inputs, outputs, stride, init)
  }

  /** [batch, height, width, inputs] -> [batch, height / stride, width / stride, outputs], rounded up */
  forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor4D {
    const inner = activate(this.bn1.forward(this.conv1.forward(x), context), this.relu1)
    const residual = this.bn2.forward(this.conv2.forward(inner), context)
    const shortcut = this.downsample ? this.downsample.forward(x, context) : x
    return activate(tf.add(residual, shortcut) as tf.Tensor4D, this.relu2)
  }
}

export interface ResNetOptions {
  /** Channels of what comes in. Default: the first of `planes`. */
  readonly inChannels?: number
  /** Channels of the four stages. Default [64, 128, 256, 512]. */
  readonly planes?: readonly [number, number, number, number]
  /** Blocks of the four stages. Default [2, 2, 2, 2], ResNet-18. */
  readonly blocks?: readonly [number, number, number, number]
  /** Default `relu`. */
  readonly activation?: ResNetActivation
}

/** The four stages of a ResNet with basic blocks (He et al. 2016, table 1), without stem and classifier; all but the first halve the sides. */
export class ResNetTrunk extends Module {
  readonly layer1: BasicBlock[]
  readonly layer2: BasicBlock[]
  readonly layer3: BasicBlock[]
  readonly layer4: BasicBlock[]

  constructor(options: ResNetOptions, init: Initializer) {
    super()
    const { planes = [64, 128, 256, 512], blocks = [2, 2, 2, 2], activation = 'relu' } = options
    const stage = (at: 0 | 1 | 2 | 3): BasicBlock[] =>
      Array.from({ length: blocks[at] }, (_, i) => {
        const inputs = i > 0 ? planes[at] : at > 0 ? planes[at - 1]! : (options.inChannels ?? planes[0])
        return new BasicBlock(inputs, planes[at], i === 0 && at > 0 ? 2 : 1, activation, init)
      })
    this.layer1 = stage(0)
    this.layer2 = stage(1)
    this.layer3 = stage(2)
    this.layer4 = stage(3)
  }

  /**
   * [images, height, width, channels] -> what each of the four stages gives; the last is [images, height / 8, width / 8, planes[3]],
   * rounded up.
   */
  forward(x: tf.Tensor4D, context: ForwardContext): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
    const run = (y: tf.Tensor4D, blocks: readonly BasicBlock[]) =>
      blocks.reduce((state, block) => block.forward(state, context), y)
    const first = run(x, this.layer1)
    const second = run(first, this.layer2)
    const third = run(second, this.layer3)
    return [first, second, third, run(third, this.layer4)]
  }
}
