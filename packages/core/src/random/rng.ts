import * as tf from '@tensorflow/tfjs-core'
import { foldKey, keyedUniform, keyOf } from './threefry'

const KEYED_UNIFORM = 'KeyedUniform'

/** Smallest number that the logarithms of {@link Rng.gumbel} and {@link Rng.normal} see. */
const TINY = 2 ** -25

/** Portable implementation for engines that run op by op: the key is read and the numbers are made on the host. */
for (const backendName of ['cpu', 'wasm', 'tensorflow']) {
  tf.registerKernel({
    kernelName: KEYED_UNIFORM,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { shape, stream } = attrs as unknown as { shape: number[]; stream: number }
      const storage = backend as tf.KernelBackend
      const key = storage.readSync((inputs.key as tf.TensorInfo).dataId) as Int32Array
      const count = tf.util.sizeFromShape(shape)
      const values = keyedUniform(key[0]!, key[1]!, stream, count, (key[2] ?? 0) * count)
      return { dataId: storage.write(values, shape, 'float32'), shape, dtype: 'float32' }
    },
  })
}

/**
 * Random tensors on the device, a pure function of a key: element i of the nth tensor drawn is the same on every engine. In a
 * compiled step the key is an argument, so each step draws anew from one program.
 */
export class Rng {
  #next = 0
  readonly #path: readonly [number, number]

  /**
   * @param key int32 [2], see {@link rngKey}; or [3], whose third value m is the number of a part of a batch that was cut into equal
   * parts: then a tensor drawn is rows [m n, (m + 1) n) of what the whole batch would draw, and a scalar is the whole batch's.
   */
  constructor(
    readonly key: tf.Tensor1D,
    path: readonly [number, number] = [0, 0],
  ) {
    this.#path = path
  }

  static fromSeed(seed: number): Rng {
    return new Rng(rngKey(seed))
  }

  /** An independent generator for a name or number, on the same key. */
  fold(data: number | string): Rng {
    return new Rng(this.key, foldKey(this.#path, data))
  }

  /** Uniform on [0, 1), with 24 random bits. */
  uniform(shape: readonly number[]): tf.Tensor {
    const [stream] = foldKey(this.#path, this.#next++)
    const draw = (key: tf.Tensor) =>
      tf.engine().runKernel(KEYED_UNIFORM, { key }, { shape: [...shape], stream }) as tf.Tensor
    const isShared = shape.length === 0 && this.key.shape[0] === 3
    return isShared ? tf.tidy(() => draw(tf.slice1d(this.key, 0, 2))) : draw(this.key)
  }

  /** 1 with probability `p`, else 0, as float32. */
  bernoulli(p: number, shape: readonly number[]): tf.Tensor {
    return tf.cast(tf.less(this.uniform(shape), p), 'float32')
  }

  /** Standard Gumbel: -log(-log(u)). */
  gumbel(shape: readonly number[]): tf.Tensor {
    const u = tf.maximum(this.uniform(shape), TINY)
    return tf.neg(tf.log(tf.neg(tf.log(u))))
  }

  /** Standard normal (Box and Muller's method). */
  normal(shape: readonly number[]): tf.Tensor {
    const radius = tf.sqrt(tf.mul(tf.log(tf.maximum(this.uniform(shape), TINY)), -2))
    return tf.mul(radius, tf.cos(tf.mul(this.uniform(shape), 2 * Math.PI)))
  }
}

/** The key of a seed and a path (for example `rngKey(seed, 'step', 12)`), as the tensor that {@link Rng} takes. */
export const rngKey = (seed: number, ...path: (number | string)[]): tf.Tensor1D =>
  tf.tensor1d(rngKeyValues(seed, ...path), 'int32')

/** The same key as numbers, for a batch of arguments. */
export const rngKeyValues = (seed: number, ...path: (number | string)[]): Int32Array =>
  Int32Array.from(path.reduce<readonly [number, number]>(foldKey, keyOf(seed)))
