import * as tf from '@tensorflow/tfjs-core'
import { ctc } from '../losses/index'
import { dropout, type ForwardContext, type Initializer, inference, Linear } from '../nn/index'
import { PretrainedModel } from '../pretrained/index'
import { frameCount } from './geometry'
import type { SpeechEncoder, SpeechEncoderOutput, SpeechForwardOptions, SpeechInputs } from './speech-encoder'
import type { SpeechEncoderConfig } from './speech-encoder-config'

export interface CtcModelInputs extends SpeechInputs {
  /** int32 `[batch, labels]`, padded at the end with negative numbers. With it, the loss is computed. */
  readonly labels?: tf.Tensor | undefined
}

export interface CtcModelOutput extends SpeechEncoderOutput {
  /** CTC loss, reduced as `ctcLossReduction` says. */
  readonly loss?: tf.Scalar
  /** `[batch, frames, vocab]`, before the softmax. */
  readonly logits: tf.Tensor3D
}

/** The linear layer over an encoder's output that scores the units. */
export const ctcHead = (config: SpeechEncoderConfig, init: Initializer): Linear =>
  new Linear(config.hiddenSize, config.vocabSize, init, { std: config.initializerRange })

/**
 * An encoder with a linear layer over its output, for speech recognition with CTC.
 *
 * `fromPretrained` also takes a pre-trained model, whose missing CTC head is then initialised (`loadReport.missing`) and whose
 * pre-training heads are left out (`loadReport.ignored`). A model's class holds the encoder under the name that checkpoints have for it.
 */
export abstract class SpeechForCtc<Config extends SpeechEncoderConfig> extends PretrainedModel<Config> {
  readonly config: Config
  abstract readonly lmHead: Linear
  protected abstract get encoder(): SpeechEncoder<Config>

  constructor(config: Config) {
    super()
    this.config = config
  }

  /** Keeps the feature encoder as it is in training, as the papers do. */
  freezeFeatureEncoder(): void {
    this.encoder.freezeFeatureEncoder()
  }

  /** Keeps all but the CTC head as it is in training. */
  freezeBaseModel(): void {
    this.encoder.freeze()
  }

  forward(
    inputs: CtcModelInputs,
    context: ForwardContext = inference,
    options: SpeechForwardOptions = {},
  ): CtcModelOutput {
    const { config } = this
    const encoded = this.encoder.forward(inputs, context, options)
    const logits = this.lmHead.forward(dropout(encoded.lastHiddenState, config.finalDropout, context))
    if (!inputs.labels) return { ...encoded, logits }
    const [batch, samples] = inputs.inputValues.shape as [number, number]
    const inputLengths = encoded.frameLengths ?? tf.fill([batch], frameCount(config, samples), 'int32')
    const loss = ctc({
      logits,
      labels: tf.cast(inputs.labels, 'int32') as tf.Tensor2D,
      inputLengths: inputLengths as tf.Tensor1D,
      blankId: config.padTokenId,
      reduction: config.ctcLossReduction,
      zeroInfinity: config.ctcZeroInfinity,
    })
    return { ...encoded, logits, loss }
  }
}

/** A model that is fine-tuned with CTC, as objective, batches and recogniser see it. */
export type CtcModel = SpeechForCtc<SpeechEncoderConfig>
