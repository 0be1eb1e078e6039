import * as tf from '@tensorflow/tfjs-core'
import { dropout } from './dropout'
import type { Initializer } from './initializer'
import { type ForwardContext, Module } from './module'

/** Rows of angles position x frequency, each step rounded to float32 as the reference works them out. */
const table = (
  positions: readonly number[],
  features: number,
  frequencies: readonly number[],
  place: (i: number) => readonly [sine: number, cosine: number],
): tf.Tensor2D => {
  const values = new Float32Array(positions.length * features)
  positions.forEach((position, row) => {
    frequencies.forEach((frequency, i) => {
      const angle = Math.fround(position * frequency)
      const [sine, cosine] = place(i)
      values[row * features + sine] = Math.sin(angle)
      values[row * features + cosine] = Math.cos(angle)
    })
  })
  return tf.tensor2d(values, [positions.length, features])
}

const counting = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)

const checkEven = (features: number): void => {
  if (features % 2 !== 0 || features < 4)
    throw new RangeError(`sinusoidal positions: ${features} features do not divide into pairs (at least two).`)
}

/**
 * Sinusoidal positions (Vaswani et al. 2017, section 3.5) in fairseq's form: all sines, then all cosines, frequencies from 1 to 1/10000, and
 * positions that begin at the padding token + 1. Padding gets zeros. No parameters.
 */
export class SinusoidalPositionalEmbedding {
  readonly #frequencies: number[]

  /** @param paddingId The padding token; positions are counted from the one after it. */
  constructor(
    private readonly features: number,
    private readonly paddingId: number,
  ) {
    checkEven(features)
    const half = features / 2
    const step = Math.fround(Math.log(10000) / (half - 1))
    this.#frequencies = counting(half).map((i) => Math.fround(Math.exp(Math.fround(-step * i))))
  }

  /**
   * @param tokens int32 [batch, time]; those that are not padding are counted.
   * @returns [batch, time, features], to be added to the tokens' embedding
   */
  forward(tokens: tf.Tensor2D): tf.Tensor3D {
    const valid = tf.cast(tf.notEqual(tokens, tf.scalar(this.paddingId, 'int32')), 'float32')
    // Row 0 of the table stands for padding.
    const rows = tf.cast(tf.mul(tf.cumsum(valid, 1), valid), 'int32')
    return tf.gather(this.#rows(tokens.shape[1]) as tf.Tensor, rows) as tf.Tensor3D
  }

  /**
   * The position of a single token in a decoder's step.
   *
   * @param position int32 scalar on the engine, 0 for the first token
   * @param length Positions that there may be
   * @returns [1, 1, features]
   */
  at(position: tf.Tensor, length: number): tf.Tensor3D {
    const row = tf.reshape(tf.add(position, tf.scalar(1, 'int32')), [1, 1])
    return tf.gather(this.#rows(length) as tf.Tensor, tf.cast(row, 'int32')) as tf.Tensor3D
  }

  /** [1 + length, features]: zeros, then the positions in use. */
  #rows(length: number): tf.Tensor2D {
    const half = this.features / 2
    const used = table(counting(length, this.paddingId + 1), this.features, this.#frequencies, (i) => [i, half + i])
    return tf.concat([tf.zeros([1, this.features]), used]) as tf.Tensor2D
  }
}

/**
 * Sinusoidal positions with a trained scale (Li et al. 2019, equation 1; SpeechT5): x + alpha position, sines and cosines in turn,
 * positions from 0.
 */
export class ScaledPositionalEncoding extends Module {
  /** Scalar */
  readonly alpha: tf.Variable
  readonly #frequencies: number[]
  readonly #features: number
  readonly #dropout: number

  constructor(features: number, init: Initializer, options: { readonly dropout?: number } = {}) {
    super()
    checkEven(features)
    this.alpha = init.constant([], 1)
    const step = Math.fround(-Math.log(10000) / features)
    this.#frequencies = counting(features / 2).map((i) => Math.fround(Math.exp(Math.fround(2 * i * step))))
    this.#features = features
    this.#dropout = options.dropout ?? 0
  }

  /** [batch, time, features] -> the same */
  forward(x: tf.Tensor3D, context: ForwardContext): tf.Tensor3D {
    const [, time, features] = x.shape
    const positions = tf.reshape(this.#rows(time), [1, time, features])
    return dropout(tf.add(x, tf.mul(positions, this.alpha)) as tf.Tensor3D, this.#dropout, context)
  }

  /**
   * As {@link forward} without dropout, for a single position in a decoder's step.
   *
   * @param x [rows, 1, features]
   * @param position int32 scalar on the engine, 0 for the first
   * @param length Positions that there may be
   */
  step(x: tf.Tensor3D, position: tf.Tensor, length: number): tf.Tensor3D {
    const row = tf.gather(this.#rows(length), tf.reshape(position, [1, 1]) as tf.Tensor2D)
    return tf.add(x, tf.mul(row, this.alpha)) as tf.Tensor3D
  }

  #rows(length: number): tf.Tensor2D {
    return table(counting(length), this.#features, this.#frequencies, (i) => [2 * i, 2 * i + 1])
  }
}
