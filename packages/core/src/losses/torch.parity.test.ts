// Values and gradients of PyTorch's losses, far out and at zero vectors too: see packages/core/fixtures/torch-blocks.
import { enginesUnderTest, expectClose, torchFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, it } from 'vitest'
import { cosineLogits } from './cosine-logits'
import { crossEntropy } from './cross-entropy'
import { binaryCrossEntropy, l1Loss, smoothL1 } from './regression'

const cases: [string, string[], (inputs: tf.Tensor[], target: tf.Tensor) => tf.Tensor][] = [
  ['bce', ['logits'], ([x], target) => binaryCrossEntropy(x!, target, { positiveWeight: 5 })],
  ['l1', ['x'], ([x], target) => l1Loss(x!, target)],
  ['smooth_l1', ['x'], ([x], target) => smoothL1(x!, target, 0.7)],
  ['smoothing', ['logits'], ([logits], targets) => crossEntropy({ logits: logits!, targets, ignoreId: 1 }).loss],
  ['cosine', ['x', 'vectors'], ([x, v]) => cosineLogits(x!, v as tf.Tensor2D, { temperature: 0.1, clamp: 'each' })],
  ['prelu', ['x', 'weight'], ([x, weight]) => tf.prelu(x!, weight!)],
]

describe.each(enginesUnderTest())('losses on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  const fixture = torchFixture('losses')

  it.each(cases)('%s', (name, names, fn) => {
    const inputs = names.map((argument) => fixture.input(`${name}.${argument}`))
    const target = name === 'cosine' || name === 'prelu' ? tf.scalar(0) : fixture.input(`${name}.target`)
    fixture.compare(name, fn(inputs, target), { relative: 1e-6 })
    const gradients = tf.grads((...given: tf.Tensor[]) => tf.sum(fn(given, target)))(inputs)
    for (const [i, argument] of names.entries()) {
      const key = `${name}.grad.${argument}`
      if (key !== 'cosine.grad.x') {
        fixture.compare(key, gradients[i]!, { relative: 2e-6 })
        continue
      }
      // A gradient row of its own scale each: that of the zero vector is 1e9, from the clamp.
      for (const row of [0, 1, 2, 3]) {
        const at = (t: tf.Tensor) => tf.slice(t, [row, 0], [1, -1])
        expectClose(at(gradients[i]!), at(fixture.given(key)), { relative: 2e-6, name: `${key}, row ${row}` })
      }
    }
  })
})
