import { enginesUnderTest, expectClose, torchFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Conv3dOptions, conv3d } from './conv3d'
import { expectGradients, randomTensor } from './gradient-check.fixture'

const cases: [string, number, number, Conv3dOptions][] = [
  ['a stem: 5 frames, every frame kept', 4, 5, { stride: [1, 2, 2], padding: [2, 1, 1] }],
  ['stride 2 in time that leaves a frame over', 6, 3, { stride: [2, 1, 1] }],
  ['stride 3 in time, longer than the kernel', 7, 2, { stride: [3, 2, 1], padding: [1, 0, 0] }],
  ['one frame a window', 3, 1, {}],
]

describe.each(enginesUnderTest())('conv3d on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('has the values and gradients of PyTorch', () => {
    const fixture = torchFixture('conv3d')
    const last = (t: tf.Tensor) => tf.transpose(t, [0, 2, 3, 4, 1])
    const first = (t: tf.Tensor) => tf.transpose(t, [0, 4, 1, 2, 3])
    const weights = fixture.weights()
    const tensor = (name: string) => {
      const host = weights.get(name)!
      return tf.tensor(host.data as Float32Array, [...host.shape])
    }
    const forward = (x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor) =>
      first(tf.add(conv3d(last(x) as tf.Tensor5D, w as tf.Tensor5D, { stride: [2, 1, 2], padding: [1, 0, 1] }), bias))
    const inputs = [fixture.input('x'), tensor('weight'), tensor('bias')] as const
    fixture.compare('y', forward(...inputs), { relative: 1e-6 })
    const lossWeights = fixture.input('loss_weights')
    const gradients = tf.grads((x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) => tf.mul(forward(x, w, b), lossWeights))([
      ...inputs,
    ])
    for (const [i, name] of ['grad_input', 'grad.weight', 'grad.bias'].entries())
      fixture.compare(name, gradients[i]!, { relative: 2e-6 })
  })

  it.each(cases)('%s: gradients are the central differences', (_, time, kernel, options) => {
    const x = randomTensor<tf.Tensor5D>([2, time, 4, 5, 2], 1)
    const w = randomTensor<tf.Tensor5D>([3, 2, kernel, 3, 2], 2)
    // Linear in each: a long step costs no accuracy.
    expectGradients((a, b) => conv3d(a as tf.Tensor5D, b as tf.Tensor5D, options), [x, w], {
      step: 0.5,
      relative: 1e-5,
    })
  })

  it('with one frame a window is conv2d of each frame', () => {
    const x = randomTensor<tf.Tensor5D>([1, 2, 4, 5, 2], 1)
    const w = randomTensor<tf.Tensor5D>([3, 2, 1, 3, 2], 2)
    const frames = tf.conv2d(
      tf.reshape(x, [2, 4, 5, 2]) as tf.Tensor4D,
      tf.transpose(tf.squeeze(w, [2]), [2, 3, 1, 0]) as tf.Tensor4D,
      1,
      'valid',
    )
    expectClose(conv3d(x, w), frames, { relative: 1e-6 })
  })

  it('refuses channels that do not fit and too few frames', () => {
    const w = randomTensor<tf.Tensor5D>([3, 2, 3, 1, 1], 2)
    expect(() => conv3d(tf.zeros([1, 4, 2, 2, 1]), w)).toThrow(/1 channels does not fit/)
    expect(() => conv3d(tf.zeros([1, 2, 2, 2, 2]), w)).toThrow(/2 frames are fewer/)
  })
})
