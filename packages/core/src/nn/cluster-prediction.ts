import * as tf from '@tensorflow/tfjs-core'
import { type CosineClamp, cosineLogits } from '../losses/cosine-logits'
import type { Initializer } from './initializer'
import { Linear } from './linear'
import { Module } from './module'

export interface ClusterPredictionOptions {
  readonly hiddenSize: number
  /** Features of the clusters' vectors. */
  readonly finalDim: number
  /** Clusters of each label set. */
  readonly clusters: readonly number[]
  /** A projection of its own for each label set (HuBERT's `untie_final_proj`); else one for all. Default false. */
  readonly untied?: boolean
  /** What the similarity is divided by. Default 0.1. */
  readonly temperature?: number
  /** Cosine (HuBERT) or dot product (AV-HuBERT's other choice). Default `cosine`. */
  readonly similarity?: 'cosine' | 'dot'
  /** See {@link cosineLogits}. Default `each`, as HuBERT; AV-HuBERT and VATLM clamp the `product`. */
  readonly clamp?: CosineClamp
}

/** Scores of each label set's clusters at each frame (HuBERT, Hsu et al. 2021, equation 3). */
export class ClusterPrediction extends Module {
  readonly finalProj: Linear
  /** The clusters' vectors of all label sets, one below the other: [sum of clusters, finalDim] */
  readonly labelEmbsConcat: tf.Variable

  constructor(
    private readonly options: ClusterPredictionOptions,
    init: Initializer,
  ) {
    super()
    const { hiddenSize, finalDim, clusters, untied = false } = options
    this.finalProj = new Linear(hiddenSize, finalDim * (untied ? clusters.length : 1), init)
    const total = clusters.reduce((sum, count) => sum + count, 0)
    this.labelEmbsConcat = init.from([total, finalDim], (rng, count) =>
      Float32Array.from({ length: count }, () => rng.uniform()),
    )
  }

  /** [batch, time, hidden] -> for each label set [batch, time, clusters] */
  forward(x: tf.Tensor3D): tf.Tensor3D[] {
    const {
      finalDim,
      clusters,
      untied = false,
      temperature = 0.1,
      similarity = 'cosine',
      clamp = 'each',
    } = this.options
    const projected = this.finalProj.forward(x)
    const [batch, time] = x.shape
    let first = 0
    return clusters.map((count, set) => {
      const own = tf.slice(projected, [0, 0, untied ? set * finalDim : 0], [batch, time, finalDim])
      const vectors = tf.slice(this.labelEmbsConcat as tf.Tensor2D, [first, 0], [count, finalDim])
      first += count
      if (similarity === 'cosine') return cosineLogits(own, vectors, { temperature, clamp }) as tf.Tensor3D
      const products = tf.matMul(tf.reshape(own, [batch * time, finalDim]), vectors, false, true)
      return tf.reshape(tf.div(products, temperature), [batch, time, count]) as tf.Tensor3D
    })
  }
}
