import {
  ConfigError,
  DataError,
  type ForwardContext,
  Initializer,
  inference,
  PretrainedModel,
  scaleGradient,
  TransformerEncoder,
  type WaveformEncoder,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import type { Wav2Vec2Config } from './config'
import { loadFairseq } from './fairseq'
import { FeatureProjection, featureEncoder, frameLengths, frameMask, sampleLengths } from './frontend'
import { frameCount, receptiveField } from './geometry'
import { checkpointFits, type FromPretrainedOptions, wav2vec2Family } from './interop'

export interface Wav2Vec2Inputs {
  /** Normalised waveforms, float32 `[batch, samples]`. */
  readonly inputValues: tf.Tensor
  /** `[batch, samples]`: 1 at samples, 0 at padding. Default: no padding. */
  readonly attentionMask?: tf.Tensor | undefined
  /** `[batch, frames]`: 1 where a frame is replaced by the mask embedding. */
  readonly maskTimeIndices?: tf.Tensor | undefined
  /** `[batch, hidden]`: 1 where a channel is set to zero in all frames; only in training, as in the reference. */
  readonly maskFeatureIndices?: tf.Tensor | undefined
}

export interface Wav2Vec2ForwardOptions {
  /** Return `hiddenStates`. Default false. */
  readonly outputHiddenStates?: boolean
  /** Factor on the gradient that reaches the feature encoder (fairseq's `feature_grad_mult`); 0 stops it. Default 1. */
  readonly featureGradMult?: number
}

export interface Wav2Vec2ModelOutput {
  /** The Transformer's output, `[batch, frames, hidden]`. */
  readonly lastHiddenState: tf.Tensor3D
  /** The feature encoder's output after its layer norm, `[batch, frames, channels]`: what pre-training quantises. */
  readonly extractFeatures: tf.Tensor3D
  /** The feature encoder's output itself, `[batch, frames, channels]`. */
  readonly convFeatures: tf.Tensor3D
  /** `extractFeatures` projected, before masking, `[batch, frames, hidden]`. */
  readonly featureProjection: tf.Tensor3D
  /**
   * The first Transformer block's input, then each block's output, `[batch, frames, hidden]`; with `doStableLayerNorm` the last one
   * is before the final layer norm. Only with `outputHiddenStates`.
   */
  readonly hiddenStates?: readonly tf.Tensor3D[]
  /** Valid frames of each utterance, int32 `[batch]`. Only with an attention mask. */
  readonly frameLengths?: tf.Tensor1D
}

/** wav2vec 2.0's encoder (Baevski et al. 2020, section 2): waveform to contextualised frames. */
export class Wav2Vec2Model extends PretrainedModel<Wav2Vec2Config> {
  static readonly architecture = 'Wav2Vec2Model'
  static readonly family = wav2vec2Family
  static readonly fit = checkpointFits.Wav2Vec2Model

  readonly config: Wav2Vec2Config
  readonly featureExtractor: WaveformEncoder
  readonly featureProjection: FeatureProjection
  /** What masked frames are replaced by, `[hidden]`; there is none in a model without masks, as in the reference. */
  readonly maskedSpecEmbed?: tf.Variable
  readonly encoder: TransformerEncoder

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of the mask embedding, which a checkpoint may lack. Default: `init`.
   */
  constructor(config: Wav2Vec2Config, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super()
    this.config = config
    this.featureExtractor = featureEncoder(config, init)
    this.featureProjection = new FeatureProjection(config, init)
    if (config.maskTimeProb > 0 || config.maskFeatureProb > 0) {
      this.maskedSpecEmbed = fresh.from([config.hiddenSize], (rng, count) =>
        Float32Array.from({ length: count }, () => rng.uniform()),
      )
    }
    this.encoder = new TransformerEncoder(
      {
        layers: config.numHiddenLayers,
        hiddenSize: config.hiddenSize,
        heads: config.numAttentionHeads,
        intermediateSize: config.intermediateSize,
        preNorm: config.doStableLayerNorm,
        dropout: config.hiddenDropout,
        attentionDropout: config.attentionDropout,
        activationDropout: config.activationDropout,
        layerDrop: config.layerdrop,
        layerNormEps: config.layerNormEps,
        std: config.initializerRange,
        positionalConv: { kernel: config.numConvPosEmbeddings, groups: config.numConvPosEmbeddingGroups },
      },
      init,
    )
  }

  /** Loads a checkpoint of fairseq (`.pt`), pre-trained or fine-tuned with CTC; errors are those of `fromPretrained`. */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<Wav2Vec2Model> {
    return loadFairseq(Wav2Vec2Model, path, options)
  }

  /** Keeps the feature encoder as it is in training, as the paper does in fine-tuning. */
  freezeFeatureEncoder(): void {
    this.featureExtractor.freeze()
  }

  /** @throws DataError when the waveforms are shorter than a frame; ConfigError for masks that the model has no embedding for. */
  forward(
    inputs: Wav2Vec2Inputs,
    context: ForwardContext = inference,
    options: Wav2Vec2ForwardOptions = {},
  ): Wav2Vec2ModelOutput {
    const { config } = this
    const samples = inputs.inputValues as tf.Tensor2D
    const frames = frameCount(config, samples.shape[1])
    if (frames < 1) {
      throw new DataError(
        `inputValues has ${samples.shape[1]} samples, but a frame is made of ${receptiveField(config)}.`,
        {
          field: 'inputValues',
          cure: 'Pad it, or leave it out.',
        },
      )
    }
    const lengths = inputs.attentionMask && sampleLengths(inputs.attentionMask)
    const validFrames = lengths && frameLengths(config, lengths)
    const encoded = this.featureExtractor.forward(samples, config.groupNormPadding === 'masked' ? lengths : undefined)
    const convFeatures = scaleGradient(encoded, options.featureGradMult ?? 1)
    const { hidden, normalised } = this.featureProjection.forward(convFeatures, context)
    const masked = config.applySpecAugment ? this.#mask(hidden, inputs, context) : hidden
    const { lastHiddenState, hiddenStates } = this.encoder.forward(
      masked,
      context,
      validFrames && frameMask(validFrames, frames),
    )
    return {
      lastHiddenState,
      extractFeatures: normalised,
      convFeatures,
      featureProjection: hidden,
      ...(options.outputHiddenStates ? { hiddenStates } : {}),
      ...(validFrames ? { frameLengths: validFrames } : {}),
    }
  }

  /** Masked frames become the mask embedding, masked channels zero (section 3.1; SpecAugment, Park et al. 2019). */
  #mask(
    hidden: tf.Tensor3D,
    { maskTimeIndices, maskFeatureIndices }: Wav2Vec2Inputs,
    context: ForwardContext,
  ): tf.Tensor3D {
    let masked = hidden
    if (maskTimeIndices) {
      if (!this.maskedSpecEmbed) {
        throw new ConfigError('maskTimeIndices is given, but the model was made without masks.', {
          field: 'maskTimeProb',
          cure: 'Make it with maskTimeProb above 0.',
        })
      }
      const replaced = tf.cast(tf.expandDims(maskTimeIndices, 2), 'bool')
      masked = tf.where(
        tf.broadcastTo(replaced, hidden.shape),
        tf.broadcastTo(this.maskedSpecEmbed, hidden.shape),
        hidden,
      )
    }
    if (maskFeatureIndices && context.training) {
      masked = tf.mul(masked, tf.expandDims(tf.sub(1, tf.cast(maskFeatureIndices, 'float32')), 1))
    }
    return masked
  }
}
