import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Embedding } from './embedding'
import { Initializer } from './initializer'

describe.each(enginesUnderTest())('Embedding on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  const tokens = () => tf.tensor2d([3, 1, 3, 0], [2, 2], 'int32')

  it('gives each token its row, and adds up the gradients of its uses', () => {
    const embedding = new Embedding(4, 2, new Initializer(1))
    const table = embedding.weight.arraySync() as number[][]
    expectClose(
      embedding.forward(tokens()),
      [3, 1, 3, 0].flatMap((token) => table[token]!),
      { relative: 0 },
    )
    const dy = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])
    const { grads } = tf.variableGrads(() => tf.sum(tf.mul(embedding.forward(tokens()), dy)) as tf.Scalar)
    expectClose(grads[embedding.weight.name]!, [7, 8, 3, 4, 0, 0, 6, 8], { relative: 0 })
    embedding.dispose()
  })

  it('starts padding at zero and gives it no gradient, but for its use as an output vector', () => {
    const embedding = new Embedding(4, 2, new Initializer(1), { paddingId: 1 })
    expect(Array.from(embedding.weight.dataSync().slice(2, 4))).toEqual([0, 0])
    embedding.weight.assign(tf.ones([4, 2]))
    const looked = tf.variableGrads(() => tf.sum(embedding.forward(tokens())) as tf.Scalar)
    expect(looked.value.dataSync()[0]).toBe(8)
    expectClose(looked.grads[embedding.weight.name]!, [1, 1, 0, 0, 0, 0, 2, 2], { relative: 0 })
    const scored = tf.variableGrads(() => tf.sum(embedding.logits(tf.tensor2d([2, 3], [1, 2]))) as tf.Scalar)
    expectClose(scored.grads[embedding.weight.name]!, [2, 3, 2, 3, 2, 3, 2, 3], { relative: 0 })
    expect(() => new Embedding(4, 2, new Initializer(1), { paddingId: 4 })).toThrow('padding token 4')
    embedding.dispose()
  })
})
