import { ctc, dropout, type ForwardContext, Initializer, inference, Linear, PretrainedModel } from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import type { Wav2Vec2Config } from '../config'
import { loadFairseq } from '../fairseq'
import { frameCount } from '../geometry'
import { checkpointFits, type FromPretrainedOptions, wav2vec2Family } from '../interop'
import { type Wav2Vec2ForwardOptions, type Wav2Vec2Inputs, Wav2Vec2Model, type Wav2Vec2ModelOutput } from '../model'

export interface Wav2Vec2CtcInputs extends Wav2Vec2Inputs {
  /** int32 `[batch, labels]`, padded at the end with negative numbers. With it, the loss is computed. */
  readonly labels?: tf.Tensor | undefined
}

export interface Wav2Vec2CtcOutput extends Wav2Vec2ModelOutput {
  /** CTC loss, reduced as `ctcLossReduction` says. */
  readonly loss?: tf.Scalar
  /** `[batch, frames, vocab]`, before the softmax. */
  readonly logits: tf.Tensor3D
}

/**
 * wav2vec 2.0 with a linear layer over its output, for speech recognition with CTC (section 3.3).
 *
 * `fromPretrained` also takes a pre-trained model, whose missing CTC head is then initialised (`loadReport.missing`) and whose
 * quantiser is left out (`loadReport.ignored`).
 */
export class Wav2Vec2ForCTC extends PretrainedModel<Wav2Vec2Config> {
  static readonly architecture = 'Wav2Vec2ForCTC'
  static readonly family = wav2vec2Family
  static readonly fit = checkpointFits.Wav2Vec2ForCTC
  static readonly headPrefixes = ['lm_head.']

  readonly config: Wav2Vec2Config
  readonly wav2vec2: Wav2Vec2Model
  readonly lmHead: Linear

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of what a checkpoint may lack, such as the CTC head. Default: `init`.
   */
  constructor(config: Wav2Vec2Config, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super()
    this.config = config
    this.wav2vec2 = new Wav2Vec2Model(config, init, fresh)
    this.lmHead = new Linear(config.hiddenSize, config.vocabSize, fresh, { std: config.initializerRange })
  }

  /**
   * Loads a checkpoint of fairseq (`.pt`): one fine-tuned with CTC, or a pre-trained one, whose missing head is then initialised. Errors
   * are those of `fromPretrained`.
   */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<Wav2Vec2ForCTC> {
    return loadFairseq(Wav2Vec2ForCTC, path, options)
  }

  /** Keeps the feature encoder as it is in training, as the paper does. */
  freezeFeatureEncoder(): void {
    this.wav2vec2.freezeFeatureEncoder()
  }

  /** Keeps all but the CTC head as it is in training. */
  freezeBaseModel(): void {
    this.wav2vec2.freeze()
  }

  forward(
    inputs: Wav2Vec2CtcInputs,
    context: ForwardContext = inference,
    options: Wav2Vec2ForwardOptions = {},
  ): Wav2Vec2CtcOutput {
    const { config } = this
    const encoded = this.wav2vec2.forward(inputs, context, options)
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
