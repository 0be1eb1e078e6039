import { defineXlaKernel } from './define'
import { keyedUniform } from './random'
import { cumulative, softmax } from './reductions'

/** Keeps these draws apart from others under an equal key. */
const STREAM = 0x6d756c74

/** The bits of a seed, as a key. */
const keyOf = (seed: number): Int32Array => new Int32Array(Float64Array.of(seed).buffer)

/**
 * Draws of categories: draw j of row i is a function of the seed, i and j alone. Inside `jit` the seed is a constant: `tf.multinomial`
 * without one picks it while the function is recorded, and every call then draws the same.
 */
export const registerMultinomial = (): void => {
  defineXlaKernel<{ numSamples: number; seed: number; normalized: boolean }>(
    'Multinomial',
    ({ h, inputs, attrs, argument }) => {
      const logits = h.convert(inputs.logits!, 'f32')
      const [batch, events] = logits.type.shape as [number, number]
      const shape = [batch, attrs.numSamples]
      // The last event is what remains when none of the others has happened.
      if (events <= 1 || batch === 0 || attrs.numSamples === 0) return h.constant(0, 'i32', shape)
      const probabilities = attrs.normalized ? logits : softmax(h, logits, [1])
      const others = h.slice(probabilities, [0, 0], [batch, events - 1])
      const below = cumulative(h, others, 1, false, false, 'add')
      const drawn = keyedUniform(h, argument(keyOf(attrs.seed)), STREAM, shape)
      const all = [...shape, events - 1]
      const passed = h.compare('LE', h.broadcastInDim(below, all, [0, 2]), h.broadcastInDim(drawn, all, [0, 1]))
      return h.sum(h.convert(passed, 'i32'), [2])
    },
  )
}
