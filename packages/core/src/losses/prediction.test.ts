import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, randomTensor } from '../ops/gradient-check.fixture'
import { cosineLogits } from './cosine-logits'
import { crossEntropy, labelSmoothedCrossEntropy } from './cross-entropy'
import { guidedAttention } from './guided-attention'
import { maskedPrediction } from './masked-prediction'
import { binaryCrossEntropy, l1Loss, smoothL1 } from './regression'

describe.each(enginesUnderTest())('on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  describe('labelSmoothedCrossEntropy', () => {
    const targets = () => tf.tensor2d([2, 0, -100, 1], [2, 2], 'int32')

    it('is the cross-entropy with ε spread over the other classes, counted where there is a target', () => {
      const logits = randomTensor<tf.Tensor3D>([2, 2, 3], 1, 3)
      const rows = logits.arraySync().flat()
      const [smoothing, labels] = [0.2, [2, 0, -100, 1]]
      let [loss, nll, correct] = [0, 0, 0]
      rows.forEach((row, i) => {
        const label = labels[i]!
        if (label < 0) return
        const total = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0))
        row.forEach((v, c) => {
          loss += (c === label ? 1 - smoothing : smoothing / 2) * (total - v)
        })
        nll += total - row[label]!
        correct += Number(row[label] === Math.max(...row))
      })
      const output = labelSmoothedCrossEntropy({ logits, targets: targets(), smoothing })
      expectClose(output.loss, [loss], { relative: 2e-6 })
      expectClose(output.nllLoss, [nll], { relative: 2e-6 })
      expect([output.sampleSize, output.correct].map((t) => t.dataSync()[0])).toEqual([3, correct])
      expectClose(crossEntropy({ logits, targets: targets() }).loss, [nll], { relative: 2e-6 })
    })

    it('has the gradients of its values', () => {
      const logits = randomTensor([2, 2, 3], 1)
      const loss = (x: tf.Tensor) => labelSmoothedCrossEntropy({ logits: x, targets: targets(), smoothing: 0.1 }).loss
      expectGradients((x) => loss(x!), [logits], { relative: 5e-4 })
    })

    it('refuses a smoothing that is no probability', () => {
      const logits = tf.zeros([2, 2, 3])
      expect(() => labelSmoothedCrossEntropy({ logits, targets: targets(), smoothing: 1 })).toThrow('smoothing of 1')
    })
  })

  describe('cosineLogits', () => {
    it.each(['each', 'product'] as const)('has the gradients of its values (clamp: %s)', (clamp) => {
      const options = { temperature: 0.5, clamp }
      const inputs = [randomTensor([2, 2, 3], 1), randomTensor([4, 3], 2)]
      expectGradients((x, v) => cosineLogits(x!, v as tf.Tensor2D, options), inputs, { relative: 1e-3 })
    })

    it('with the product clamped shrinks where both vectors are short, and is zero at a zero vector', () => {
      const x = tf.tensor2d([1e-4, 0, 0, 0], [2, 2])
      const vectors = tf.tensor2d([1e-4, 0, 3, 4], [2, 2])
      const options = { temperature: 0.1, clamp: 'product' } as const
      // 1e-8 over the clamp of 1e-6; and 3e-4 / 5e-4.
      expectClose(cosineLogits(x, vectors, options), [0.1, 6, 0, 0], { relative: 1e-5 })
      const gradient = tf.grad((t: tf.Tensor) => tf.sum(cosineLogits(t, vectors, options)))(x)
      expect(gradient.dataSync().every(Number.isFinite)).toBe(true)
    })
  })

  describe('maskedPrediction', () => {
    const inputs = () => ({
      logits: [randomTensor<tf.Tensor3D>([1, 4, 3], 1), randomTensor<tf.Tensor3D>([1, 4, 2], 2)],
      targets: [tf.tensor2d([0, 1, 2, 0], [1, 4], 'int32'), tf.tensor2d([0, 1, 1, 0], [1, 4], 'int32')],
      maskIndices: tf.tensor2d([1, 0, 1, 1], [1, 4], 'int32'),
      frameMask: tf.tensor2d([1, 1, 1, 0], [1, 4], 'int32'),
    })
    const number = (t: tf.Tensor) => t.dataSync()[0]!

    it('weighs masked and other frames, sums over label sets, and counts the frames of one', () => {
      const both = maskedPrediction({ ...inputs(), maskedWeight: 2, unmaskedWeight: 0.5 })
      const [m, u] = (['masked', 'unmasked'] as const).map((part) =>
        both.sets.reduce((sum, set) => sum + number(set[part]), 0),
      ) as [number, number]
      expectClose(both.loss, [2 * m + 0.5 * u], { relative: 2e-6 })
      expect([both.sampleSize, both.maskedFrames, both.unmaskedFrames].map(number)).toEqual([3, 2, 1])
      const masked = maskedPrediction(inputs())
      expectClose(masked.loss, [m], { relative: 2e-6 })
      expect(number(masked.sampleSize)).toBe(2)
      expect(number(maskedPrediction({ ...inputs(), maskedWeight: 0, unmaskedWeight: 1 }).sampleSize)).toBe(1)
    })

    it('has the gradients of its values, and none at padding', () => {
      const { logits, ...rest } = inputs()
      const loss = (...given: tf.Tensor[]) =>
        maskedPrediction({ ...rest, logits: given as tf.Tensor3D[], unmaskedWeight: 0.5 }).loss
      expectGradients(loss, logits, { relative: 5e-4 })
      const [first] = tf.grads(loss)(logits)
      expect(Array.from(first!.dataSync().slice(9)).every((value) => value === 0)).toBe(true)
    })

    it('refuses scores without labels', () => {
      expect(() => maskedPrediction({ ...inputs(), targets: [] })).toThrow('2 sets of scores for 0')
    })
  })

  describe('guidedAttention', () => {
    const masks = () => ({
      inputMask: tf.tensor2d([1, 1, 1, 1, 1, 0], [2, 3]),
      outputMask: tf.tensor2d([1, 1, 1, 1, 1, 0, 0, 0], [2, 4]),
    })

    it('is the mean over heads and valid positions of weight times distance from the diagonal', () => {
      const attentions = tf.abs(randomTensor<tf.Tensor4D>([2, 2, 4, 3], 1))
      const weights = attentions.arraySync() as number[][][][]
      const lengths = [
        [3, 4],
        [2, 1],
      ] as const
      let [sum, count] = [0, 0]
      lengths.forEach(([inputs, outputs], b) => {
        for (const head of weights[b]!)
          for (let o = 0; o < outputs; o++)
            for (let i = 0; i < inputs; i++) {
              sum += head[o]![i]! * (1 - Math.exp(-((i / inputs - o / outputs) ** 2) / (2 * 0.3 * 0.3)))
              count++
            }
      })
      expectClose(guidedAttention({ attentions, ...masks(), sigma: 0.3 }), [sum / count], { relative: 2e-6 })
      expectGradients((x) => guidedAttention({ attentions: x as tf.Tensor4D, ...masks() }), [attentions], {
        step: 0.5,
        relative: 1e-4,
      })
    })
  })

  describe('regression', () => {
    it('counts masked elements only, and is 0 where there are none', () => {
      const [x, y] = [tf.tensor2d([1, 5, 3, 9], [2, 2]), tf.zeros([2, 2])]
      const mask = tf.tensor2d([1, 0], [2, 1])
      expectClose(l1Loss(x, y, mask), [3], { relative: 0 })
      expectClose(l1Loss(x, y, tf.zeros([2, 1])), [0], { relative: 0 })
      expectClose(binaryCrossEntropy(x, y, { mask: tf.tensor2d([1, 0, 0, 0], [2, 2]) }), [Math.log1p(Math.E)], {
        relative: 1e-6,
      })
    })

    it('smoothL1 is the square with beta 0', () => {
      expectClose(smoothL1(tf.tensor1d([3, -2]), tf.tensor1d([1, 0]), 0), [4, 4], { relative: 0 })
    })
  })
})
