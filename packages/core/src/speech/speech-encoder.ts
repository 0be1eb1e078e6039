import * as tf from '@tensorflow/tfjs-core'
import { ConfigError, DataError } from '../errors'
import { type ForwardContext, Initializer, inference, TransformerEncoder, type WaveformEncoder } from '../nn/index'
import { scaleGradient } from '../ops/index'
import { PretrainedModel } from '../pretrained/index'
import {
  chunkFrameLengths,
  FeatureProjection,
  featureEncoder,
  frameLengths,
  frameMask,
  sampleLengths,
} from './feature-projection'
import { frameCount, receptiveField } from './geometry'
import type { SpeechEncoderConfig } from './speech-encoder-config'

export interface SpeechInputs {
  /** Normalised waveforms, float32 `[batch, samples]`. */
  readonly inputValues: tf.Tensor
  /** `[batch, samples]`: 1 at samples, 0 at padding. Default: no padding. */
  readonly attentionMask?: tf.Tensor | undefined
  /** `[batch, frames]`: 1 where a frame is replaced by the mask embedding. */
  readonly maskTimeIndices?: tf.Tensor | undefined
  /** `[batch, hidden]`: 1 where a channel is set to zero in all frames; only in training, as in the reference. */
  readonly maskFeatureIndices?: tf.Tensor | undefined
}

export interface SpeechForwardOptions {
  /** Return `hiddenStates`. Default false. */
  readonly outputHiddenStates?: boolean
  /** Factor on the gradient that reaches the feature encoder (fairseq's `feature_grad_mult`); 0 stops it. Default 1. */
  readonly featureGradMult?: number
  /** Frames after so many are cut off before the features' layer norm, where labels end before the recording. Default: none. */
  readonly maxFrames?: number
}

export interface SpeechEncoderOutput {
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

/**
 * The encoder of wav2vec 2.0 (Baevski et al. 2020, section 2), HuBERT and their relatives: convolutions from the waveform to frames, some of which
 * are masked, and a Transformer. A model's class names its configuration and its checkpoints in static properties (see `PretrainedModel`).
 */
export abstract class SpeechEncoder<Config extends SpeechEncoderConfig> extends PretrainedModel<Config> {
  readonly config: Config
  readonly featureExtractor: WaveformEncoder
  readonly featureProjection: FeatureProjection
  /** What masked frames are replaced by, `[hidden]`; there is none in a model without masks, as in the reference. */
  readonly maskedSpecEmbed?: tf.Variable
  readonly encoder: TransformerEncoder

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of the mask embedding, which a checkpoint may lack. Default: `init`.
   */
  constructor(config: Config, init: Initializer = new Initializer(0), fresh: Initializer = init) {
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

  /** Keeps the feature encoder as it is in training, as the paper does in fine-tuning. */
  freezeFeatureEncoder(): void {
    this.featureExtractor.freeze()
  }

  /**
   * @throws DataError when the waveforms are shorter than a frame, or masks are not of the batch's frames; ConfigError for masks that the model
   * has no embedding for.
   */
  forward(
    inputs: SpeechInputs,
    context: ForwardContext = inference,
    options: SpeechForwardOptions = {},
  ): SpeechEncoderOutput {
    const { config } = this
    const samples = inputs.inputValues as tf.Tensor2D
    const whole = frameCount(config, samples.shape[1])
    if (whole < 1) {
      throw new DataError(
        `inputValues has ${samples.shape[1]} samples, but a frame is made of ${receptiveField(config)}.`,
        {
          field: 'inputValues',
          cure: 'Pad it, or leave it out.',
        },
      )
    }
    const lengths = inputs.attentionMask && sampleLengths(inputs.attentionMask)
    const frames = Math.min(whole, options.maxFrames ?? whole)
    const validFrames = lengths && this.#frameLengths(lengths, samples.shape[1], frames)
    const encoded = this.featureExtractor.forward(samples, config.groupNormPadding === 'masked' ? lengths : undefined)
    const kept = frames === whole ? encoded : tf.slice(encoded, [0, 0, 0], [-1, frames, -1])
    const convFeatures = scaleGradient(kept, options.featureGradMult ?? 1)
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

  #frameLengths(lengths: tf.Tensor1D, samples: number, frames: number): tf.Tensor1D {
    if (this.config.framePadding === 'chunks') return chunkFrameLengths(lengths, samples, frames)
    return tf.minimum(frameLengths(this.config, lengths), tf.scalar(frames, 'int32')) as tf.Tensor1D
  }

  /** Masked frames become the mask embedding, masked channels zero (section 3.1; SpecAugment, Park et al. 2019). */
  #mask(
    hidden: tf.Tensor3D,
    { maskTimeIndices, maskFeatureIndices }: SpeechInputs,
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
      const [batch, frames] = hidden.shape
      const { shape } = maskTimeIndices
      if (shape.length !== 2 || shape[0] !== batch || shape[1] !== frames) {
        throw new DataError(`maskTimeIndices is [${shape}], not [${batch}, ${frames}].`, {
          field: 'maskTimeIndices',
          cure: 'Give one for each utterance and frame; frames after the last label are cut off.',
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
