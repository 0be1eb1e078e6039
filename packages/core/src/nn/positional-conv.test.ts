import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, expectParameterGradients, randomTensor } from '../ops/gradient-check.fixture'
import { gelu } from '../ops/index'
import { Initializer } from './initializer'
import { PositionalConvEmbedding } from './positional-conv'

const [hiddenSize, groups] = [6, 2]
const make = (kernel: number) => {
  const embedding = new PositionalConvEmbedding({ hiddenSize, kernel, groups }, new Initializer(1))
  // Away from the start, where g is the norm of v.
  embedding.conv.original0.assign(randomTensor([1, 1, kernel], 2))
  embedding.conv.bias.assign(randomTensor([hiddenSize], 3))
  return embedding
}

describe.each(enginesUnderTest())('PositionalConvEmbedding on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each([3, 4])(
    'convolves in groups with g v / ||v||, one norm a tap, centred on the frame (kernel %d)',
    (kernel) => {
      const embedding = make(kernel)
      const [batch, time, perGroup] = [2, 5, hiddenSize / groups]
      const x = randomTensor<tf.Tensor3D>([batch, time, hiddenSize], 1)
      const [signal, g, v, bias] = [x, embedding.conv.original0, embedding.conv.original1, embedding.conv.bias].map(
        (t) => Array.from(t.dataSync()),
      )
      const norms = Array.from({ length: kernel }, (_, k) => Math.hypot(...v!.filter((_value, i) => i % kernel === k)))
      const sums = Float64Array.from({ length: batch * time * hiddenSize }, (_, i) => {
        const [out, t, b] = [i % hiddenSize, Math.floor(i / hiddenSize) % time, Math.floor(i / hiddenSize / time)]
        let sum = bias![out]!
        for (let k = 0; k < kernel; k++) {
          const at = t + k - Math.floor(kernel / 2)
          if (at < 0 || at >= time) continue
          for (let c = 0; c < perGroup; c++) {
            const channel = Math.floor(out / perGroup) * perGroup + c
            sum +=
              signal![(b * time + at) * hiddenSize + channel]! *
              ((g![k]! * v![(out * perGroup + c) * kernel + k]!) / norms[k]!)
          }
        }
        return sum
      })
      const y = embedding.forward(x)
      expect(y.shape).toEqual(x.shape)
      expectClose(y, gelu(tf.tensor1d(Float32Array.from(sums))), { relative: 3e-6 })
    },
  )

  it.each([3, 4])('has the gradients of its values, for its input, g, v and bias (kernel %d)', (kernel) => {
    const embedding = make(kernel)
    const x = randomTensor<tf.Tensor3D>([2, 5, hiddenSize], 1)
    expectGradients((y) => embedding.forward(y as tf.Tensor3D), [x])
    expectParameterGradients(embedding.namedParameters(), () => embedding.forward(x), { step: 0.005, relative: 1e-3 })
  })

  it('begins with a weight that is v itself', () => {
    const { conv } = new PositionalConvEmbedding({ hiddenSize, kernel: 4, groups }, new Initializer(1))
    const norms = tf.sqrt(tf.sum(tf.square(conv.original1), [0, 1]))
    expectClose(conv.original0, norms, { relative: 1e-6 })
  })
})
