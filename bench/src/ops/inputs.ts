import * as tf from '@tensorflow/tfjs-core'

/** MurmurHash3's finaliser: 32 well-mixed bits of a number, the same in `python/ops.py`. */
const mix = (value: number): number => {
  let bits = value | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Values of mean 0 and variance 1 that every contestant can make for itself: element `i` hangs on `seed` and `i` alone. */
export const hashedValues = (count: number, seed: number): Float32Array => {
  const values = new Float32Array(count)
  const offset = Math.imul(seed, 0x9e3779b9)
  for (let i = 0; i < count; i++) values[i] = ((mix(i + offset) >>> 8) / 2 ** 23 - 1) * Math.sqrt(3)
  return values
}

export const hashedTensor = <T extends tf.Tensor>(shape: readonly number[], seed: number, scale = 1): T => {
  const values = hashedValues(tf.util.sizeFromShape([...shape]), seed)
  if (scale !== 1) for (let i = 0; i < values.length; i++) values[i]! *= scale
  return tf.tensor(values, [...shape], 'float32') as T
}

/** Labels from 1 on (0 is the blank), none twice in a row. */
export const hashedLabels = (batch: number, labels: number, vocabulary: number, seed: number): Int32Array => {
  const values = new Int32Array(batch * labels)
  const offset = Math.imul(seed, 0x9e3779b9)
  // Steps of 1 to vocabulary - 2 around a ring of vocabulary - 1 labels never come back to where they were.
  for (let i = 0; i < values.length; i++) {
    const step = 1 + (mix(i + offset) % (vocabulary - 2))
    values[i] = i % labels === 0 ? step : 1 + ((values[i - 1]! - 1 + step) % (vocabulary - 1))
  }
  return values
}
