import { ctc, dropout, type ForwardContext, Initializer, inference, Linear, Module } from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import type { Wav2Vec2Config } from '../config'
import { frameCount } from '../geometry'
import {
  checkpointFits,
  type FromPretrainedOptions,
  type LoadReport,
  loadPretrained,
  type SavePretrainedOptions,
  savePretrained,
} from '../interop'
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

/** wav2vec 2.0 with a linear layer over its output, for speech recognition with CTC (section 3.3). */
export class Wav2Vec2ForCTC extends Module {
  readonly config: Wav2Vec2Config
  readonly wav2vec2: Wav2Vec2Model
  readonly lmHead: Linear
  /** What loading a checkpoint left over; empty for a new model. */
  loadReport: LoadReport = { missing: [], ignored: [] }

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param headInit Those of the CTC head. Default: `init`.
   */
  constructor(config: Wav2Vec2Config, init: Initializer = new Initializer(0), headInit: Initializer = init) {
    super()
    this.config = config
    this.wav2vec2 = new Wav2Vec2Model(config, init)
    this.lmHead = new Linear(config.hiddenSize, config.vocabSize, headInit, { std: config.initializerRange })
  }

  /**
   * Loads a Hugging Face model directory: one of this class, or a pre-trained model, whose missing CTC head is then initialised
   * (`loadReport.missing`) and whose quantiser is left out (`loadReport.ignored`).
   *
   * @throws CheckpointError listing every tensor that is missing, left over or mis-shaped; ConfigError for a bad `config.json`.
   */
  static async fromPretrained(dir: string, options: FromPretrainedOptions = {}): Promise<Wav2Vec2ForCTC> {
    const headInit = new Initializer(options.seed ?? 0)
    const build = (config: Wav2Vec2Config) => new Wav2Vec2ForCTC(config, Initializer.empty(), headInit)
    const { model, report } = await loadPretrained(dir, options, checkpointFits.Wav2Vec2ForCTC, build)
    model.loadReport = report
    return model
  }

  /** Writes `config.json` and `model.safetensors`, which Hugging Face Transformers loads, and the processor's files. */
  savePretrained(dir: string, options?: SavePretrainedOptions): Promise<void> {
    return savePretrained(this, this.config, 'Wav2Vec2ForCTC', dir, options)
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
