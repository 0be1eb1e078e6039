import * as tf from '@tensorflow/tfjs-core'
import { stopGradient } from '../ops/index'
import { rngOf } from './dropout'
import type { Initializer } from './initializer'
import { Linear } from './linear'
import type { ForwardContext } from './module'
import { Module } from './module'

export interface GumbelVectorQuantizerOptions {
  readonly inputSize: number
  /** G: codebooks. */
  readonly groups: number
  /** V: entries of each codebook. */
  readonly entries: number
  /** Size of the concatenated code vectors. */
  readonly codevectorDim: number
}

export interface QuantizerInputs {
  /** Of the Gumbel softmax; a scalar tensor, so that it can be annealed. Needed in training. */
  readonly temperature?: tf.Scalar | undefined
  /** [batch * time * groups, entries]; drawn from the context where it is not given. */
  readonly gumbelNoise?: tf.Tensor | undefined
  /** [batch, time], 1 at the frames that the perplexities count. Default: all. */
  readonly maskTimeIndices?: tf.Tensor | undefined
}

export interface QuantizerOutput {
  /** [batch, time, codevectorDim] */
  readonly codevectors: tf.Tensor3D
  /** int32 [batch, time, groups]: the entries chosen */
  readonly codeIndices: tf.Tensor3D
  /** What the diversity loss uses: in training of the softmax (without noise), else of the choices; summed over groups. */
  readonly codevectorPerplexity: tf.Scalar
  /** exp(entropy) of the entries chosen, summed over groups: how many are really in use. */
  readonly codePerplexity: tf.Scalar
  /** exp(entropy) of the averaged softmax, summed over groups. */
  readonly probPerplexity: tf.Scalar
  /** [batch * time * groups, entries]: the Gumbel softmax before it is made hard (in training). */
  readonly softProbs?: tf.Tensor2D
}

/** One-hot of the largest entry on the way forward, the gradient of the softmax on the way back (straight-through). */
const straightThrough = (soft: tf.Tensor2D): tf.Tensor2D =>
  tf.customGrad((input) => {
    const probabilities = input as tf.Tensor
    return {
      value: tf.oneHot(tf.argMax(probabilities, -1) as tf.Tensor1D, probabilities.shape[1]!),
      gradFunc: (dy: tf.Tensor) => dy,
    }
  })(soft) as tf.Tensor2D

/** sum over groups of exp(-sum p log p) of distributions averaged over the frames that count; [frames, groups, entries] -> scalar. */
const perplexity = (probabilities: tf.Tensor3D, weights: tf.Tensor | undefined): tf.Scalar => {
  const [frames] = probabilities.shape
  const average = weights
    ? tf.div(tf.sum(tf.mul(probabilities, tf.reshape(weights, [frames, 1, 1])), 0), tf.maximum(tf.sum(weights), 1))
    : tf.mean(probabilities, 0)
  // p log p is 0 at p = 0, and so is its gradient.
  const logarithm = tf.log(tf.where(tf.greater(stopGradient(average), 0), average, tf.onesLike(average)))
  return tf.sum(tf.exp(tf.neg(tf.sum(tf.mul(average, logarithm), -1)))) as tf.Scalar
}

/**
 * Product quantiser with a Gumbel softmax (wav2vec 2.0, section 2, "quantization module", equation 1): each of G codebooks gives one
 * entry, and the entries are concatenated.
 */
export class GumbelVectorQuantizer extends Module {
  /** [1, groups * entries, codevectorDim / groups] */
  readonly codevectors: tf.Variable
  readonly weightProj: Linear

  constructor(
    private readonly options: GumbelVectorQuantizerOptions,
    init: Initializer,
  ) {
    super()
    const { inputSize, groups, entries, codevectorDim } = options
    if (codevectorDim % groups !== 0) {
      throw new RangeError(
        `quantizer: a code vector of ${codevectorDim} numbers does not divide into ${groups} groups.`,
      )
    }
    const shape = [1, groups * entries, codevectorDim / groups]
    this.codevectors = init.from(shape, (rng, count) => Float32Array.from({ length: count }, () => rng.uniform()))
    this.weightProj = new Linear(inputSize, groups * entries, init, { std: 1 })
  }

  /** @param x [batch, time, inputSize] */
  forward(x: tf.Tensor3D, context: ForwardContext, inputs: QuantizerInputs = {}): QuantizerOutput {
    const { groups, entries, codevectorDim } = this.options
    const [batch, time] = x.shape
    const frames = batch * time
    const logits = tf.reshape(this.weightProj.forward(x), [frames * groups, entries]) as tf.Tensor2D
    const weights = inputs.maskTimeIndices && tf.reshape(tf.cast(inputs.maskTimeIndices, 'float32'), [frames])
    const grouped = (t: tf.Tensor) => tf.reshape(t, [frames, groups, entries]) as tf.Tensor3D

    let choice: tf.Tensor2D
    let softProbs: tf.Tensor2D | undefined
    if (context.training) {
      if (!inputs.temperature) throw new Error('the quantizer in training needs a temperature (a scalar tensor).')
      const noise = inputs.gumbelNoise ?? rngOf(context, 'the Gumbel softmax').gumbel(logits.shape)
      softProbs = tf.softmax(tf.div(tf.add(logits, noise), inputs.temperature)) as tf.Tensor2D
      choice = straightThrough(softProbs)
    } else {
      const largest = tf.argMax(stopGradient(logits), -1) as tf.Tensor1D
      choice = tf.oneHot(largest, entries) as tf.Tensor2D
    }

    // [groups, frames, entries] x [groups, entries, width]
    const books = tf.reshape(this.codevectors, [groups, entries, codevectorDim / groups]) as tf.Tensor3D
    const picked = tf.matMul(tf.transpose(grouped(choice), [1, 0, 2]), books)
    const codevectors = tf.reshape(tf.transpose(picked, [1, 0, 2]), [batch, time, codevectorDim]) as tf.Tensor3D

    const codePerplexity = perplexity(grouped(stopGradient(choice)), weights)
    const probPerplexity = perplexity(grouped(tf.softmax(logits)), weights)
    return {
      codevectors,
      codeIndices: tf.reshape(tf.argMax(stopGradient(choice), -1), [batch, time, groups]) as tf.Tensor3D,
      codevectorPerplexity: context.training ? probPerplexity : codePerplexity,
      codePerplexity,
      probPerplexity,
      ...(softProbs && { softProbs }),
    }
  }
}
