// Activations, gradients and running statistics of AV-HuBERT's own encoder: see packages/core/fixtures/av-hubert-resnet.
import { fileURLToPath } from 'node:url'
import { enginesUnderTest, ParityFixture, toEngine, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { Initializer } from './initializer'
import { VideoEncoder, type VideoEncoderOutput } from './video-encoder'

const fixture = new ParityFixture(fileURLToPath(new URL('../../fixtures/av-hubert-resnet', import.meta.url)))

/** Named and laid out as in the fixture: channels first. */
const tensorsOf = ({ features, stem, stages }: VideoEncoderOutput): Record<string, tf.Tensor> => ({
  output: tf.transpose(features, [0, 2, 1]),
  frontend3D: tf.transpose(stem, [0, 4, 1, 2, 3]),
  ...Object.fromEntries(stages.map((stage, i) => [`layer${i + 1}`, tf.transpose(stage, [0, 3, 1, 2])])),
})

describe.each(enginesUnderTest())('VideoEncoder on %s', (engine) => {
  const make = () => {
    const model = new VideoEncoder({ planes: [4, 8, 16, 32] }, Initializer.empty())
    model.loadStateDict(fixture.weights())
    return model
  }
  const channelsLast = (video: tf.Tensor) => tf.transpose(video, [0, 2, 3, 4, 1]) as tf.Tensor5D
  beforeAll(() => useEngine(engine))
  afterAll(() => {
    if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, fixture.worst)
  })

  it('has the reference activations with running statistics, and leaves these alone', () => {
    const model = make()
    const forward = compile((video: tf.Tensor) => tensorsOf(model.forward(channelsLast(video), { training: false })))
    for (const [name, tensor] of Object.entries(forward(fixture.input('video'))))
      fixture.compare(`eval.${name}`, tensor)
    for (const [name, host] of fixture.weights())
      if (/running|tracked/.test(name))
        expect(model.namedBuffers().get(name)!.dataSync(), name).toEqual(toEngine(host).dataSync())
    model.dispose()
  })

  it('has the reference activations, gradients and new running statistics in training', () => {
    const model = make()
    const parameters = model.namedParameters()
    const step = compile((video: tf.Tensor, weights: tf.Tensor) => {
      let kept: Record<string, tf.Tensor> = {}
      const loss = (x: tf.Tensor) => {
        kept = tensorsOf(model.forward(channelsLast(x), { training: true }))
        for (const tensor of Object.values(kept)) tf.keep(tensor)
        return tf.sum(tf.mul(kept.output!, weights)) as tf.Scalar
      }
      const { value, grads } = tf.variableGrads(() => loss(video), [...parameters.values()])
      const activations = kept
      return { value, grads: [...parameters.values()].map(({ name }) => grads[name]!), activations }
    })
    const { value, grads, activations } = step(fixture.input('video'), fixture.input('loss_weights'))
    for (const [name, tensor] of Object.entries(activations)) fixture.compare(`train.${name}`, tensor)
    fixture.compare('loss', value)
    const names = [...parameters.keys()]
    expect(names.map((name) => `grad.${name}`).sort()).toEqual(fixture.names('grad.').sort())
    for (const [i, name] of names.entries()) fixture.compare(`grad.${name}`, grads[i]!, { relative: 3e-5 })
    for (const [name, buffer] of model.namedBuffers()) fixture.compare(`bn_after.${name}`, buffer)
    expect(model.namedBuffers().size).toBe(fixture.names('bn_after.').length)
    model.dispose()
  })

  it('has the reference gradient for the video itself', () => {
    const model = make()
    const weights = fixture.input('loss_weights')
    const gradient = compile((video: tf.Tensor) =>
      tf.grad((x: tf.Tensor) =>
        tf.sum(tf.mul(tensorsOf(model.forward(channelsLast(x), { training: true })).output!, weights)),
      )(video),
    )
    fixture.compare('grad_input', gradient(fixture.input('video')))
    model.dispose()
  })
})
