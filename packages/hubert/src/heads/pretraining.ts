import {
  ClusterPrediction,
  ConfigError,
  DataError,
  type ForwardContext,
  featurePenalty,
  frameCount,
  frameMask,
  Initializer,
  inference,
  type Linear,
  type MaskedPredictionOutput,
  maskedPrediction,
  PretrainedModel,
  type SpeechEncoderOutput,
  type SpeechForwardOptions,
  type SpeechInputs,
  samplesPerFrame,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import { type HubertConfig, hubertFamily } from '../config'
import { loadFairseq } from '../fairseq'
import { checkpointFits, type FromPretrainedOptions } from '../interop'
import { HubertModel } from '../model'

export interface HubertPretrainingInputs extends SpeechInputs {
  /** int32 `[batch, labels, label sets]`: clusters at `labelRate`, -1 where there is none. With it, losses are computed. */
  readonly targets?: tf.Tensor | undefined
}

export interface HubertPretrainingOptions extends Omit<SpeechForwardOptions, 'maxFrames'> {
  /** Weight of the loss on masked frames (the paper's alpha). Default 1. */
  readonly maskedWeight?: number
  /** Weight of the loss on the other frames (1 - alpha). Default 0. */
  readonly unmaskedWeight?: number
  /** Weight of the mean square of the feature encoder's output, for each frame that the loss counts. Default 10, as fairseq. */
  readonly featurePenaltyWeight?: number
}

export interface HubertPretrainingOutput extends SpeechEncoderOutput {
  /** For each label set the clusters' scores, `[batch, frames, clusters]`: cosines divided by the temperature. */
  readonly logits: readonly tf.Tensor3D[]
  /** Weighted cross-entropy summed over frames and label sets, plus the weighted feature penalty times `sampleSize`. */
  readonly loss?: tf.Scalar
  /** Frames that the loss counts, those of one label set. */
  readonly sampleSize?: tf.Scalar
  /** Mean square of the feature encoder's output, padding included. */
  readonly featurePenalty?: tf.Scalar
  /** The loss in its parts. */
  readonly prediction?: MaskedPredictionOutput
}

/** HuBERT with its prediction of hidden units (section II; equations 1 to 3): iterations differ only in their labels. */
export class HubertForPreTraining extends PretrainedModel<HubertConfig> {
  static readonly architecture = 'HubertForPreTraining'
  static readonly family = hubertFamily
  static readonly fit = checkpointFits.HubertForPreTraining
  static readonly headPrefixes = ['final_proj.', 'label_embs_concat']

  readonly config: HubertConfig
  readonly hubert: HubertModel
  readonly finalProj: Linear
  /** The clusters' vectors of all label sets, one below the other, `[clusters, finalDim]`. */
  readonly labelEmbsConcat: tf.Variable
  readonly #prediction: ClusterPrediction

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of what a checkpoint may lack: the mask embedding and the prediction. Default: `init`.
   * @throws ConfigError without `numClasses`.
   */
  constructor(config: HubertConfig, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super()
    if (config.numClasses.length === 0) {
      throw new ConfigError('numClasses is empty, but pre-training predicts clusters.', {
        field: 'numClasses',
        cure: 'Give the number of clusters of each label set: [100] in the first iteration, [500] in the second.',
      })
    }
    this.config = config
    this.hubert = new HubertModel(config, init, fresh)
    this.#prediction = new ClusterPrediction(
      {
        hiddenSize: config.hiddenSize,
        finalDim: config.finalDim,
        clusters: config.numClasses,
        untied: config.untieFinalProj,
        temperature: config.logitTemperature,
      },
      fresh,
    )
    this.finalProj = this.#prediction.finalProj
    this.labelEmbsConcat = this.#prediction.labelEmbsConcat
  }

  /**
   * Loads a pre-trained checkpoint of fairseq (`.pt`); errors are those of `fromPretrained`. Class k of a label set is the label k of its files, as everywhere; fairseq's four
   * special symbols, which are classes too, come after the clusters. For other labels give `{ newHead: true, config: { numClasses } }`.
   */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<HubertForPreTraining> {
    return loadFairseq(HubertForPreTraining, path, options)
  }

  /** Keeps the feature encoder as it is in training. */
  freezeFeatureEncoder(): void {
    this.hubert.freezeFeatureEncoder()
  }

  /**
   * @throws DataError for targets of another shape than `[batch, labels, label sets]`; ConfigError for a loss on masked frames without
   * masks.
   */
  forward(
    inputs: HubertPretrainingInputs,
    context: ForwardContext = inference,
    options: HubertPretrainingOptions = {},
  ): HubertPretrainingOutput {
    const { targets, maskTimeIndices } = inputs
    const { maskedWeight = 1, unmaskedWeight = 0, featurePenaltyWeight = 10, ...forwardOptions } = options
    if (!targets) {
      const encoded = this.hubert.forward(inputs, context, forwardOptions)
      return { ...encoded, logits: this.#prediction.forward(encoded.lastHiddenState) }
    }
    const { applySpecAugment } = this.config
    if (maskedWeight > 0 && (!maskTimeIndices || !applySpecAugment)) {
      const field = maskTimeIndices ? 'applySpecAugment' : 'maskTimeIndices'
      throw new ConfigError(maskTimeIndices ? 'applySpecAugment is false.' : 'maskTimeIndices is not given.', {
        field,
        cure: 'Masked frames are predicted: mask some, or set maskedWeight to 0.',
      })
    }
    const aligned = this.#align(targets, inputs.inputValues.shape as [number, number])
    const maxFrames = aligned[0]!.shape[1]
    const encoded = this.hubert.forward(inputs, context, { ...forwardOptions, maxFrames })
    const logits = this.#prediction.forward(encoded.lastHiddenState)
    const [batch, frames] = encoded.lastHiddenState.shape
    const labelled = aligned.map((set) => tf.cast(tf.greaterEqual(set, tf.scalar(0, 'int32')), 'float32'))
    const own = encoded.frameLengths ? [frameMask(encoded.frameLengths, frames)] : []
    const valid = [...labelled, ...own].reduce((left, right) => tf.mul(left, right))
    const prediction = maskedPrediction({
      logits,
      targets: aligned,
      maskIndices: (maskTimeIndices ?? tf.zeros([batch, frames], 'int32')) as tf.Tensor2D,
      frameMask: valid,
      maskedWeight,
      unmaskedWeight,
    })
    const penalty = featurePenalty(encoded.convFeatures)
    const { sampleSize } = prediction
    const loss = tf.add(prediction.loss, tf.mul(tf.mul(penalty, featurePenaltyWeight), sampleSize)) as tf.Scalar
    return { ...encoded, logits, loss, sampleSize, featurePenalty: penalty, prediction }
  }

  /**
   * Each label set's labels at the frames, int32 `[batch, frames]`: a frame has the label at its start, and frames after the last label
   * are cut off (fairseq's `forward_targets`).
   */
  #align(targets: tf.Tensor, [batch, samples]: [number, number]): tf.Tensor2D[] {
    const { numClasses, labelRate, samplingRate } = this.config
    if (targets.rank !== 3 || targets.shape[0] !== batch || targets.shape[2] !== numClasses.length) {
      throw new DataError(`targets is [${targets.shape}], not [${batch}, labels, ${numClasses.length}].`, {
        field: 'targets',
        cure: `Give labels of ${numClasses.length} set${numClasses.length === 1 ? '' : 's'}, as numClasses says.`,
      })
    }
    const ratio = labelsPerFrame(this.config)
    const frames = labelledFrames(frameCount(this.config, samples), targets.shape[1]!, ratio)
    if (frames < 1) {
      throw new DataError(
        `targets has ${targets.shape[1]} labels at ${labelRate} a second for ${samples} samples at ${samplingRate} Hz.`,
        {
          field: 'targets',
          cure: 'Check labelRate.',
        },
      )
    }
    const at = tf.tensor1d(labelPlaces(frames, ratio), 'int32')
    const chosen = ratio === 1 ? tf.slice(targets, [0, 0, 0], [-1, frames, -1]) : tf.gather(targets, at, 1)
    return numClasses.map(
      (_, set) => tf.reshape(tf.slice(chosen, [0, 0, set], [-1, -1, 1]), [batch, frames]) as tf.Tensor2D,
    )
  }
}

/** Labels for each frame: 1 at 50 labels a second, 2 at 100. */
export const labelsPerFrame = (config: Pick<HubertConfig, 'convStride' | 'labelRate' | 'samplingRate'>): number =>
  (config.labelRate * samplesPerFrame(config as HubertConfig)) / config.samplingRate

/**
 * How many of `frames` frames have labels.
 *
 * Multiplied first, as fairseq does: 3 frames at 2/3 of a label are 2 labels, but 2 labels divided by the ratio are a little less than 3 frames.
 */
export const labelledFrames = (frames: number, labels: number, labelsPerFrame: number): number =>
  labelsPerFrame * frames > labels ? Math.floor(labels / labelsPerFrame) : frames

/** The label that each of so many frames has. */
export const labelPlaces = (frames: number, labelsPerFrame: number): Int32Array =>
  Int32Array.from({ length: frames }, (_, frame) => Math.floor(Math.fround(frame * Math.fround(labelsPerFrame))))
