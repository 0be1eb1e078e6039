import * as tf from '@tensorflow/tfjs-core'
import { crossEntropy } from '../losses/index'
import { type ForwardContext, type Initializer, inference, Linear } from '../nn/index'
import { PretrainedModel } from '../pretrained/index'
import { frameMask } from './feature-projection'
import type { SpeechEncoder, SpeechEncoderOutput, SpeechForwardOptions, SpeechInputs } from './speech-encoder'
import type { SpeechEncoderConfig } from './speech-encoder-config'

export interface SequenceClassificationInputs extends SpeechInputs {
  /** int32 `[batch]`: the class of each utterance, -100 where it does not count. With it, the loss is computed. */
  readonly labels?: tf.Tensor | undefined
}

export interface SequenceClassificationOutput extends SpeechEncoderOutput {
  /** Cross-entropy, a mean over the utterances that have a label. */
  readonly loss?: tf.Scalar
  /** `[batch, labels]`, before the softmax. */
  readonly logits: tf.Tensor2D
  /** What the classifier reads: the mean of an utterance's projected frames, `[batch, classifierProjSize]`. */
  readonly pooledOutput: tf.Tensor2D
}

/**
 * An encoder that says which class a whole utterance is of (a keyword, a speaker, a language, an emotion): its frames are projected to `classifierProjSize`, averaged over
 * the utterance and scored by a linear layer for each of `id2label`. With `useWeightedLayerSum` the frames are a learned average of all layers
 * in place of the last one (SUPERB, Yang et al. 2021); of the layers' states those are averaged that Hugging Face calls `hidden_states`: with `doStableLayerNorm`
 * the last of them is before the final layer norm.
 *
 * `fromPretrained` also takes a pre-trained model, whose missing head is then initialised (`loadReport.missing`) and whose pre-training heads are left out
 * (`loadReport.ignored`). A model's class holds the encoder under the name that checkpoints have for it.
 */
export abstract class SpeechForSequenceClassification<
  Config extends SpeechEncoderConfig,
> extends PretrainedModel<Config> {
  readonly config: Config
  /** What the layers' weights in their average are the softmax of, `[numHiddenLayers + 1]`. Only with `useWeightedLayerSum`. */
  readonly layerWeights?: tf.Variable
  readonly projector: Linear
  readonly classifier: Linear
  protected abstract get encoder(): SpeechEncoder<Config>

  /** @param fresh Starting values of the head. */
  constructor(config: Config, fresh: Initializer) {
    super()
    const { hiddenSize, numHiddenLayers, classifierProjSize, initializerRange: std } = config
    this.config = config
    const layers = numHiddenLayers + 1
    if (config.useWeightedLayerSum) this.layerWeights = fresh.constant([layers], 1 / layers)
    this.projector = new Linear(hiddenSize, classifierProjSize, fresh, { std })
    this.classifier = new Linear(classifierProjSize, config.id2label.length, fresh, { std })
  }

  /** Keeps the feature encoder as it is in training, as the papers do. */
  freezeFeatureEncoder(): void {
    this.encoder.freezeFeatureEncoder()
  }

  /** Keeps all but the head as it is in training. */
  freezeBaseModel(): void {
    this.encoder.freeze()
  }

  forward(
    inputs: SequenceClassificationInputs,
    context: ForwardContext = inference,
    options: SpeechForwardOptions = {},
  ): SequenceClassificationOutput {
    const { layerWeights } = this
    const { hiddenStates, ...rest } = this.encoder.forward(inputs, context, {
      ...options,
      outputHiddenStates: layerWeights !== undefined || options.outputHiddenStates === true,
    })
    const encoded = options.outputHiddenStates && hiddenStates ? { ...rest, hiddenStates } : rest
    // Projection and average of layers are linear: after the mean over frames they give the same, and cost nothing.
    const mean = layerWeights
      ? weightedSum(
          hiddenStates!.map((state) => meanOverFrames(state, rest.frameLengths)),
          tf.softmax(layerWeights as unknown as tf.Tensor1D),
        )
      : meanOverFrames(rest.lastHiddenState, rest.frameLengths)
    const pooledOutput = this.projector.forward(mean)
    const logits = this.classifier.forward(pooledOutput)
    if (!inputs.labels) return { ...encoded, logits, pooledOutput }
    const { loss, sampleSize } = crossEntropy({ logits, targets: tf.cast(inputs.labels, 'int32') })
    return { ...encoded, logits, pooledOutput, loss: tf.div(loss, tf.maximum(sampleSize, 1)) as tf.Scalar }
  }
}

/** The mean of each utterance's own frames, `[batch, hidden]`; zero where it has none. */
const meanOverFrames = (states: tf.Tensor3D, lengths: tf.Tensor1D | undefined): tf.Tensor2D => {
  if (!lengths) return tf.mean(states, 1) as tf.Tensor2D
  const own = tf.expandDims(frameMask(lengths, states.shape[1]), 1) as tf.Tensor3D
  const total = tf.squeeze(tf.matMul(own, states), [1])
  return tf.div(total, tf.maximum(tf.cast(tf.expandDims(lengths, 1), 'float32'), 1)) as tf.Tensor2D
}

const weightedSum = (terms: readonly tf.Tensor2D[], weights: tf.Tensor1D): tf.Tensor2D => {
  const [batch, hidden] = terms[0]!.shape
  const rows = tf.stack(terms.map((term) => tf.reshape(term, [batch * hidden])))
  return tf.reshape(tf.matMul(tf.expandDims(weights, 0) as tf.Tensor2D, rows as tf.Tensor2D), [batch, hidden])
}

/** A model for classification, as objective and batches see it. */
export type SequenceClassificationModel = SpeechForSequenceClassification<SpeechEncoderConfig>
