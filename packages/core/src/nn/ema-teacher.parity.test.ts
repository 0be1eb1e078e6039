// Pre-training of fairseq's data2vec on audio: see packages/core/fixtures/blocks. It covers the stack of position convolutions, the
// feed-forward states that targets are made of, the EMA teacher and the loss.
import { blockFixture, enginesUnderTest, fromFairseq, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { smoothL1 } from '../losses/index'
import { groupNorm, stopGradient } from '../ops/index'
import { annealedDecay, EmaTeacher } from './ema-teacher'
import { Initializer } from './initializer'
import { Linear } from './linear'
import { inference, Module } from './module'
import { LayerNorm } from './norm'
import { TransformerEncoder } from './transformer-encoder'
import { WaveformEncoder } from './waveform-encoder'

const [hiddenSize, batch, frames] = [32, 2, 29]
const kernels = [10, 3, 3, 3, 3, 2, 2]
const strides = [5, 2, 2, 2, 2, 2, 2]
const fixture = blockFixture('data2vec-audio-pretrain')

const makeEncoder = () =>
  new TransformerEncoder(
    { layers: 3, hiddenSize, heads: 4, intermediateSize: 48, positionalConv: { kernel: 5, groups: 4, depth: 3 } },
    Initializer.empty(),
  )

class Student extends Module {
  readonly encoder = makeEncoder()
  readonly finalProj: Linear
  readonly layerNorm: LayerNorm
  readonly postExtractProj: Linear
  readonly maskEmb: tf.Variable
  readonly featureExtractor: WaveformEncoder

  constructor(init: Initializer) {
    super()
    this.featureExtractor = new WaveformEncoder(
      { channels: kernels.map(() => 24), kernels, strides, norm: 'layer' },
      init,
    )
    this.layerNorm = new LayerNorm(24, init)
    this.postExtractProj = new Linear(24, hiddenSize, init)
    this.maskEmb = init.constant([hiddenSize], 0)
    this.finalProj = new Linear(hiddenSize, hiddenSize, init)
  }
}

/** Frames that the convolutions make of each utterance's valid samples. */
const validFrames = (): tf.Tensor1D => {
  const padding = fixture.input('padding_mask')
  const samples = tf.sub(padding.shape[1]!, tf.sum(padding, 1)).dataSync()
  const lengths = Array.from(samples, (count) =>
    kernels.reduce((length, kernel, i) => Math.floor((length - kernel) / strides[i]!) + 1, count),
  )
  return tf.tensor1d(lengths, 'int32')
}

/** fairseq's names as ours. */
const rename = (name: string): string =>
  fromFairseq('encoder')(name)
    .replace(/pos_conv\.(\d)\.0/, 'pos_conv_embed.layers.$1.conv')
    .replace(/conv_layers\.(\d)\.0\./, 'conv_layers.$1.conv.')
    .replace(/conv_layers\.(\d)\.2\.1\./, 'conv_layers.$1.layer_norm.')

describe.each(enginesUnderTest())('EmaTeacher on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterAll(() => {
    if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, fixture.worst)
  })

  it("gives data2vec's targets, loss, gradients and moving average", () => {
    const student = new Student(Initializer.empty())
    const weights = fixture.weights('', rename)
    student.loadStateDict(new Map([...weights].filter(([name]) => !name.startsWith('_ema'))))
    const isConv = (name: string) => name.startsWith('pos_conv')
    const teacher = new EmaTeacher(student.encoder, makeEncoder, { copied: isConv })
    teacher.model.loadStateDict(fixture.weights('_ema.', rename))
    const parameters = student.namedParameters()
    const inputs = {
      source: fixture.input('source'),
      maskIndices: tf.cast(fixture.input('mask_indices'), 'float32'),
      frameMask: tf.cast(tf.less(tf.range(0, frames, 1, 'int32'), tf.expandDims(validFrames(), 1)), 'float32'),
    }
    const step = compile(({ source, maskIndices, frameMask }: typeof inputs) => {
      const kept: Record<string, tf.Tensor> = {}
      const masked = tf.reshape(maskIndices, [batch, frames, 1])
      const { value, grads } = tf.variableGrads(() => {
        const features = student.featureExtractor.forward(source as tf.Tensor2D)
        const x = student.postExtractProj.forward(student.layerNorm.forward(features))
        const filled = tf.add(tf.mul(x, tf.sub(1, masked)), tf.mul(masked, student.maskEmb)) as tf.Tensor3D
        const seen = student.encoder.forward(filled, { training: true }, frameMask)
        const predictions = student.finalProj.forward(seen.lastHiddenState)
        const taught = teacher.model.forward(stopGradient(x), inference, frameMask).feedForwardStates.slice(-2)
        const [one, zero] = [tf.ones([hiddenSize]), tf.zeros([hiddenSize])]
        const normal = taught.map((state) => groupNorm(state, one, zero, { groups: hiddenSize, eps: 1e-5 }))
        const targets = tf.div(tf.addN(normal), normal.length)
        for (const [i, state] of seen.hiddenStates.slice(1).entries()) kept[`layer_out.${i}`] = tf.keep(state)
        kept.encoder_out = tf.keep(seen.lastHiddenState)
        kept.predictions = tf.keep(predictions)
        kept.targets = tf.keep(targets)
        const losses = tf.mul(smoothL1(predictions, targets, 0), hiddenSize ** -0.5)
        return tf.sum(tf.mul(losses, masked)) as tf.Scalar
      }, [...parameters.values()])
      teacher.update(annealedDecay(tf.scalar(7), { start: 0.97, end: 0.97, steps: 10 }))
      return { kept: { ...kept, loss: value }, gradients: [...parameters.values()].map((v) => grads[v.name]!) }
    })
    const { kept, gradients } = step(inputs)
    const { predictions, targets, ...states } = kept as Record<string, tf.Tensor>
    for (const [name, tensor] of Object.entries(states)) fixture.compare(name, tensor)
    const at = Array.from(fixture.input('mask_indices').dataSync()).flatMap((on, i) => (on ? [i] : []))
    const rows = (t: tf.Tensor) => tf.gather(tf.reshape(t, [-1, hiddenSize]), tf.tensor1d(at, 'int32'))
    fixture.compare('predictions_masked', rows(predictions!))
    fixture.compare('targets_masked', rows(targets!))

    const ours = new Map([...parameters.keys()].map((name, i) => [name, gradients[i]!]))
    expect(fixture.names('grad.').length).toBe(ours.size)
    for (const name of fixture.names('grad.')) {
      const gradient = ours.get(rename(name.slice('grad.'.length)))!
      fixture.compare(name, gradient, { relative: 3e-5, absolute: /k_proj\.bias/.test(name) ? 1e-5 : 0 })
    }

    const after = teacher.model.namedParameters()
    expect(fixture.names('ema_after.').length).toBe(after.size)
    for (const name of fixture.names('ema_after.'))
      fixture.compare(name, after.get(rename(name.slice('ema_after.'.length)))!, { relative: 2e-7 })
  })

  it('is all buffers, begins as its student, and does not take its place', () => {
    const student = makeEncoder()
    const teacher = new EmaTeacher(student, makeEncoder)
    expect(teacher.namedParameters().size).toBe(0)
    expect([...teacher.namedBuffers().keys()]).toEqual(
      [...student.namedParameters().keys()].map((name) => `model.${name}`),
    )
    const bias = student.layerNorm.bias
    bias.assign(tf.ones([hiddenSize]))
    teacher.update(0.75)
    expect(teacher.model.layerNorm.bias.dataSync()[0]).toBe(0.25)
    teacher.reset()
    expect(teacher.model.layerNorm.bias.dataSync()[0]).toBe(1)
    teacher.update(tf.scalar(0.5))
    bias.assign(tf.zeros([hiddenSize]))
    expect(teacher.model.layerNorm.bias.dataSync()[0]).toBe(1)
    const other = () =>
      new TransformerEncoder({ layers: 1, hiddenSize, heads: 4, intermediateSize: 8 }, Initializer.empty())
    expect(() => new EmaTeacher(student, other)).toThrow("student's parameters")
  })
})

describe('annealedDecay', () => {
  it('goes from start to end in a straight line and stays there', () => {
    const at = (step: number) => annealedDecay(tf.scalar(step), { start: 0.9, end: 0.99, steps: 100 }).dataSync()[0]
    expect([0, 50, 100, 1000].map(at).map((decay) => decay!.toFixed(6))).toEqual([
      '0.900000',
      '0.945000',
      '0.990000',
      '0.990000',
    ])
  })
})
