import {
  ConfigError,
  codebookDiversity,
  contrastiveLoss,
  dropout,
  type ForwardContext,
  GumbelVectorQuantizer,
  Initializer,
  inference,
  Linear,
  PretrainedModel,
  type QuantizerOutput,
  type SpeechEncoderOutput,
  type SpeechForwardOptions,
  type SpeechInputs,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import { type Wav2Vec2Config, wav2vec2Family } from '../config'
import { loadFairseq } from '../fairseq'
import { checkpointFits, type FromPretrainedOptions } from '../interop'
import { Wav2Vec2Model } from '../model'

export interface Wav2Vec2PretrainingInputs extends SpeechInputs {
  /**
   * int32 `[batch, frames, K]`: distractors of each masked frame, as indices into the batch's frames in a row (`item * frames +
   * frame`), from the frame's own utterance. With it, losses are computed.
   */
  readonly sampledNegativeIndices?: tf.Tensor | undefined
  /** Gumbel noise added to the quantiser's logits, `[batch * frames * groups, entries]`. Default: drawn in training. */
  readonly gumbelNoise?: tf.Tensor | undefined
  /** Temperature of the Gumbel softmax. Default 2, where the paper's annealing begins. */
  readonly gumbelTemperature?: tf.Scalar | undefined
}

export interface Wav2Vec2PretrainingOutput extends SpeechEncoderOutput {
  /** Contrastive loss plus weighted diversity loss, summed over the masked frames. */
  readonly loss?: tf.Scalar
  /** Equation 3, summed over the masked frames. */
  readonly contrastiveLoss?: tf.Scalar
  /** (G V - perplexity) / (G V) times the number of masked frames. */
  readonly diversityLoss?: tf.Scalar
  /** `[batch, frames, 1 + K]`, the positive first, divided by the temperature; -inf for distractors that equal it. */
  readonly contrastiveLogits?: tf.Tensor3D
  /** bool `[batch, frames, K]`: distractors with the positive's codes. */
  readonly negativeIsPositive?: tf.Tensor3D
  /** Share of masked frames whose own target scores highest. */
  readonly contrastiveAccuracy?: tf.Scalar
  /** Masked frames. */
  readonly sampleSize?: tf.Scalar
  /** The Transformer's output as compared, `[batch, frames, projCodevectorDim]`. */
  readonly projectedStates: tf.Tensor3D
  /** The quantised targets as compared, `[batch, frames, projCodevectorDim]`. */
  readonly projectedQuantizedStates: tf.Tensor3D
  /** What the diversity loss sees: in training the perplexity of the averaged softmax, otherwise of the codes chosen. */
  readonly codevectorPerplexity: tf.Scalar
  /** The quantiser's whole output. */
  readonly quantized: QuantizerOutput
}

/** wav2vec 2.0 with its quantiser and contrastive task (sections 2 and 3.2). */
export class Wav2Vec2ForPreTraining extends PretrainedModel<Wav2Vec2Config> {
  static readonly architecture = 'Wav2Vec2ForPreTraining'
  static readonly family = wav2vec2Family
  static readonly fit = checkpointFits.Wav2Vec2ForPreTraining

  readonly config: Wav2Vec2Config
  readonly wav2vec2: Wav2Vec2Model
  readonly quantizer: GumbelVectorQuantizer
  readonly projectHid: Linear
  readonly projectQ: Linear

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of the mask embedding, which a checkpoint may lack. Default: `init`.
   */
  constructor(config: Wav2Vec2Config, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super()
    this.config = config
    this.wav2vec2 = new Wav2Vec2Model(config, init, fresh)
    const quantizer = {
      inputSize: config.convDim.at(-1)!,
      groups: config.numCodevectorGroups,
      entries: config.numCodevectorsPerGroup,
      codevectorDim: config.codevectorDim,
    }
    this.quantizer = new GumbelVectorQuantizer(quantizer, init)
    this.projectHid = new Linear(config.hiddenSize, config.projCodevectorDim, init)
    this.projectQ = new Linear(config.codevectorDim, config.projCodevectorDim, init)
  }

  /** Loads a pre-trained checkpoint of fairseq (`.pt`) with its quantiser; errors are those of `fromPretrained`. */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<Wav2Vec2ForPreTraining> {
    return loadFairseq(Wav2Vec2ForPreTraining, path, options)
  }

  /** Keeps the feature encoder as it is in training. */
  freezeFeatureEncoder(): void {
    this.wav2vec2.freezeFeatureEncoder()
  }

  /** @throws ConfigError when losses are asked for without masks. */
  forward(
    inputs: Wav2Vec2PretrainingInputs,
    context: ForwardContext = inference,
    options: SpeechForwardOptions = {},
  ): Wav2Vec2PretrainingOutput {
    const { config } = this
    const { maskTimeIndices, sampledNegativeIndices, gumbelNoise, gumbelTemperature } = inputs
    const encoded = this.wav2vec2.forward(inputs, context, options)
    const projectedStates = this.projectHid.forward(encoded.lastHiddenState)
    const features = dropout(encoded.extractFeatures, config.featQuantizerDropout, context)
    const temperature = gumbelTemperature ?? tf.scalar(2)
    const quantized = this.quantizer.forward(features, context, { temperature, gumbelNoise, maskTimeIndices })
    const projectedQuantizedStates = this.projectQ.forward(quantized.codevectors)
    const output = {
      ...encoded,
      projectedStates,
      projectedQuantizedStates,
      codevectorPerplexity: quantized.codevectorPerplexity,
      quantized,
    }
    if (!sampledNegativeIndices) return output
    if (!maskTimeIndices || !config.applySpecAugment) {
      throw new ConfigError(
        maskTimeIndices ? 'applySpecAugment is false, so nothing is masked.' : 'maskTimeIndices is not given.',
        {
          field: maskTimeIndices ? 'applySpecAugment' : 'maskTimeIndices',
          cure: 'The contrastive loss is over masked frames.',
        },
      )
    }
    const contrastive = contrastiveLoss({
      projectedStates,
      projectedQuantizedStates,
      codeIndices: quantized.codeIndices,
      sampledNegativeIndices: sampledNegativeIndices as tf.Tensor3D,
      maskTimeIndices: maskTimeIndices as tf.Tensor2D,
      temperature: config.contrastiveLogitsTemperature,
    })
    const sampleSize = tf.sum(tf.cast(maskTimeIndices, 'float32')) as tf.Scalar
    const codevectors = config.numCodevectorGroups * config.numCodevectorsPerGroup
    const diversityLoss = tf.mul(
      codebookDiversity(quantized.codevectorPerplexity, codevectors),
      sampleSize,
    ) as tf.Scalar
    return {
      ...output,
      loss: tf.add(contrastive.loss, tf.mul(diversityLoss, config.diversityLossWeight)) as tf.Scalar,
      contrastiveLoss: contrastive.loss,
      diversityLoss,
      contrastiveLogits: contrastive.logits,
      negativeIsPositive: contrastive.negativeIsPositive,
      contrastiveAccuracy: contrastive.accuracy,
      sampleSize,
    }
  }
}
