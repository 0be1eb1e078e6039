import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, randomTensor } from '../ops/gradient-check.fixture'
import { ctcLoss } from '../ops/index'
import { codebookDiversity } from './codebook-diversity'
import { ctc } from './ctc'
import { featurePenalty } from './feature-penalty'

describe.each(enginesUnderTest())('losses on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('ctc reads target lengths off the padding, and reduces as PyTorch does', () => {
    const logits = randomTensor<tf.Tensor3D>([3, 6, 4], 1)
    const labels = tf.tensor2d(
      [
        [1, 2, 2],
        [3, -100, -100],
        [-100, -100, -100],
      ],
      [3, 3],
      'int32',
    )
    const inputLengths = tf.tensor1d([6, 4, 2], 'int32')
    const options = { labels, inputLengths, blankId: 0, zeroInfinity: false }
    const plain = ctcLoss(tf.logSoftmax(logits), labels, inputLengths, tf.tensor1d([3, 1, 0], 'int32'), {
      blankId: 0,
    }).dataSync()
    expectClose(ctc({ ...options, logits, reduction: 'sum' }), [plain[0]! + plain[1]! + plain[2]!], { relative: 1e-6 })
    expectClose(ctc({ ...options, logits, reduction: 'mean' }), [(plain[0]! / 3 + plain[1]! + plain[2]!) / 3], {
      relative: 1e-6,
    })
    expectGradients((x) => ctc({ ...options, logits: x as tf.Tensor3D, reduction: 'mean' }), [logits], {
      relative: 1e-3,
    })
  })

  it('ctc with zeroInfinity counts an utterance that does not fit as 0, in the mean too', () => {
    const logits = randomTensor<tf.Tensor3D>([2, 3, 4], 1)
    const labels = tf.tensor2d(
      [
        [1, 1, 1],
        [2, -100, -100],
      ],
      [2, 3],
      'int32',
    )
    const options = { logits, labels, inputLengths: tf.tensor1d([3, 3], 'int32'), blankId: 0 } as const
    const one = ctc({
      ...options,
      logits: tf.slice(logits, [1, 0, 0], [1, 3, 4]),
      labels: tf.tensor2d([[2]], [1, 1], 'int32'),
      inputLengths: tf.tensor1d([3], 'int32'),
      reduction: 'sum',
      zeroInfinity: true,
    })
    expectClose(ctc({ ...options, reduction: 'mean', zeroInfinity: true }), [one.dataSync()[0]! / 2], {
      relative: 1e-6,
    })
    expect(ctc({ ...options, reduction: 'mean', zeroInfinity: false }).dataSync()[0]).toBe(Number.POSITIVE_INFINITY)
  })

  it('codebookDiversity is 0 for even use and nears 1 with one entry a group', () => {
    expectClose(codebookDiversity(tf.scalar(640), 640), [0], { absolute: 1e-7 })
    expectClose(codebookDiversity(tf.scalar(2), 640), [638 / 640], { relative: 1e-6 })
  })

  it('featurePenalty is the mean square', () => {
    expectClose(featurePenalty(tf.tensor3d([1, -2, 3, 0], [1, 2, 2])), [3.5], { relative: 1e-6 })
  })
})
