// The ReLU variant at odd sides, against PyTorch: see packages/core/fixtures/torch-blocks.
import { enginesUnderTest, torchFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { Initializer } from './initializer'
import { VideoEncoder } from './video-encoder'

describe.each(enginesUnderTest())('VideoEncoder with ReLU on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('has the reference outputs, gradients and running statistics', () => {
    const fixture = torchFixture('video-encoder-relu')
    const options = { activation: 'relu', planes: [3, 4, 5, 6], blocks: [1, 1, 1, 1] } as const
    const model = new VideoEncoder(options, Initializer.empty())
    model.loadStateDict(fixture.weights())
    const video = tf.transpose(fixture.input('video'), [0, 2, 3, 4, 1]) as tf.Tensor5D
    const parameters = model.namedParameters()
    const evaluate = compile((x: tf.Tensor5D) => model.forward(x, { training: false }).features)
    fixture.compare('eval', evaluate(video))
    const step = compile((x: tf.Tensor5D, weights: tf.Tensor) => {
      let features: tf.Tensor | undefined
      const { grads } = tf.variableGrads(() => {
        features = tf.keep(model.forward(x, { training: true }).features)
        return tf.sum(tf.mul(features, weights)) as tf.Scalar
      }, [...parameters.values()])
      return { features: features!, gradients: [...parameters.values()].map((v) => grads[v.name]!) }
    })
    const { features, gradients } = step(video, fixture.input('loss_weights'))
    fixture.compare('train', features)
    expect(fixture.names('grad.').length).toBe(parameters.size)
    for (const [i, name] of [...parameters.keys()].entries())
      fixture.compare(`grad.${name}`, gradients[i]!, { relative: 2e-5 })
    for (const [name, buffer] of model.namedBuffers()) fixture.compare(`bn_after.${name}`, buffer)
    if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, fixture.worst)
  })
})
