// Scores and losses of masked prediction as HuBERT, AV-HuBERT and VATLM have them: see packages/core/fixtures/blocks.
import { blockFixture, enginesUnderTest, expectClose, type ParityFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../engine/index'
import { maskedPrediction } from '../losses/index'
import { ClusterPrediction, type ClusterPredictionOptions } from './cluster-prediction'
import { Initializer } from './initializer'

interface Case {
  readonly name: string
  readonly options: Omit<ClusterPredictionOptions, 'hiddenSize'>
  readonly prefix: string
  readonly mask: readonly string[]
  readonly padding: string
  readonly target: string
  readonly unmaskedWeight: number
  readonly penalty: boolean
}

const av = { clusters: [12], finalDim: 24, untied: true, clamp: 'product' } as const
const avInputs = { mask: ['audio_mask_indices', 'video_mask_indices'], padding: 'padding_mask', target: 'target_list' }
const cases: Case[] = [
  {
    name: 'hubert-pretrain',
    options: { clusters: [11], finalDim: 24 },
    prefix: '',
    mask: ['mask_indices'],
    padding: 'frame_padding_mask',
    target: 'target_list',
    unmaskedWeight: 0.5,
    penalty: true,
  },
  { name: 'av-hubert-pretrain', options: av, prefix: 'av.', ...avInputs, unmaskedWeight: 0.5, penalty: true },
  {
    name: 'av-hubert-pretrain-alt',
    options: { ...av, clusters: [10, 7], similarity: 'dot', temperature: 1 },
    prefix: 'av.',
    ...avInputs,
    unmaskedWeight: 1,
    penalty: true,
  },
]

/** Rows of [batch, time, ...] at the frames that count. */
const rowsAt = (t: tf.Tensor, frames: ArrayLike<number>) => {
  const at = Array.from(frames).flatMap((on, i) => (on ? [i] : []))
  return tf.gather(tf.reshape(t, [-1, ...t.shape.slice(2)]), tf.tensor1d(at, 'int32'))
}

/** fairseq's HuBERT: the target's score in front, and -1e30 where it was. */
const positiveFirst = (logits: tf.Tensor, targets: tf.Tensor): tf.Tensor => {
  const isTarget = tf.cast(tf.oneHot(targets as tf.Tensor1D, logits.shape[1]!), 'bool')
  const positive = tf.sum(tf.where(isTarget, logits, tf.zerosLike(logits)), 1, true)
  return tf.concat([positive, tf.where(isTarget, tf.fill(logits.shape, -1e30), logits)], 1)
}

/** `-1e30` stands for minus infinity in the files and would hide every other difference. */
const compareLogits = (fixture: ParityFixture, name: string, actual: tf.Tensor) => {
  const finite = (t: tf.Tensor) => tf.where(tf.less(t, -1e29), tf.fill(t.shape, 0), t)
  const expected = fixture.given(name)
  expect(actual.shape).toEqual(expected.shape)
  expectClose(finite(actual), finite(expected), { relative: 1e-5, name })
}

describe.each(enginesUnderTest())('ClusterPrediction and maskedPrediction on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each(cases)('have the reference scores, sums, counts and gradients: $name', (given) => {
    const { name, options, prefix, unmaskedWeight } = given
    const fixture = blockFixture(name)
    const states = fixture.given<tf.Tensor3D>(`${prefix}encoder_out`)
    const head = new ClusterPrediction({ ...options, hiddenSize: states.shape[2] }, Initializer.empty())
    head.loadStateDict(fixture.weights())
    const parameters = head.namedParameters()
    const sets = options.clusters.map((_, i) => i)
    const padding = given.padding === 'padding_mask' ? fixture.input(given.padding) : fixture.given(given.padding)
    const inputs = {
      states,
      targets: sets.map((i) => fixture.input<tf.Tensor2D>(`${given.target}.${i}`)),
      maskIndices: given.mask.map((key) => fixture.input(key)).reduce((a, b) => tf.maximum(a, b)) as tf.Tensor2D,
      frameMask: tf.sub(1, tf.cast(padding, 'float32')),
    }
    const step = compile(({ states: x, ...rest }: typeof inputs) => {
      const logits: tf.Tensor3D[] = []
      const kept: tf.Tensor[] = []
      const { value, grads } = tf.variableGrads(() => {
        logits.push(...head.forward(x).map((t) => tf.keep(t)))
        const output = maskedPrediction({ ...rest, logits, unmaskedWeight })
        kept.push(tf.keep(tf.clone(output.sampleSize)))
        for (const { masked, unmasked, correctMasked, correctUnmasked } of output.sets)
          kept.push(tf.keep(tf.stack([masked, unmasked, correctMasked, correctUnmasked])))
        return output.loss
      }, [...parameters.values()])
      return { value, logits, kept, gradients: [...parameters.values()].map((v) => grads[v.name]!) }
    })
    const { value, logits, kept, gradients } = step(inputs)
    const valid = inputs.frameMask.dataSync()
    const masked = inputs.maskIndices.dataSync().map((on, i) => on * valid[i]!)
    const unmasked = masked.map((on, i) => (1 - on) * valid[i]!)
    for (const i of sets) {
      const [m, u] = [masked, unmasked].map((frames) => {
        const rows = rowsAt(logits[i]!, frames)
        return name.startsWith('hubert') ? positiveFirst(rows, rowsAt(inputs.targets[i]!, frames)) : rows
      }) as [tf.Tensor, tf.Tensor]
      compareLogits(fixture, `${prefix}logit_m.${i}`, m)
      compareLogits(fixture, `${prefix}logit_u.${i}`, u)
      const sums = kept[i + 1]!.dataSync()
      const named = [`loss_m.${i}`, `loss_u.${i}`, `correct_m.${i}`, `correct_u.${i}`]
      for (const [j, key] of named.entries())
        fixture.compare(`${prefix}${key}`, tf.cast(tf.scalar(sums[j]!), key.startsWith('loss') ? 'float32' : 'int32'))
    }
    fixture.compare(`${prefix}sample_size`, tf.cast(kept[0]!, 'int32'))
    // The rest of the loss is the penalty on features.
    const penalty = tf.mul(tf.mul(fixture.given(`${prefix}features_pen`), 10), kept[0]!)
    fixture.compare(`${prefix}loss`, tf.add(value, penalty))
    for (const [i, key] of [...parameters.keys()].entries())
      fixture.compare(`grad.${key}`, gradients[i]!, { relative: 2e-5 })
    head.dispose()
  })

  it('have the scores of VATLM', () => {
    const fixture = blockFixture('vatlm-pretrain')
    const head = new ClusterPrediction({ ...av, hiddenSize: 32 }, Initializer.empty())
    head.loadStateDict(fixture.weights())
    const [logits] = head.forward(fixture.given('onlyaudio.encoder_out'))
    const padding = fixture.input('onlyaudio.padding_mask').dataSync()
    const masked = fixture.input('onlyaudio.mask_indices').dataSync()
    const frames = (wanted: number) => masked.map((on, i) => (on === wanted && !padding[i] ? 1 : 0))
    compareLogits(fixture, 'onlyaudio.logit_m.0', rowsAt(logits!, frames(1)))
    compareLogits(fixture, 'onlyaudio.logit_u.0', rowsAt(logits!, frames(0)))
  })
})
