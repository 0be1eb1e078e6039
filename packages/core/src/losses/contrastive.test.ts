import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, randomTensor } from '../ops/gradient-check.fixture'
import { contrastiveLoss } from './contrastive'

const [batch, time, dim, distractors, temperature] = [2, 4, 3, 3, 0.1]
const masked = [1, 1, 0, 1, 1, 0, 1, 1]
/** Frames counted through the batch, of the same utterance. */
const negatives = [
  [1, 3, 1],
  [0, 3, 0],
  [0, 0, 0],
  [1, 0, 1],
  [6, 7, 6],
  [0, 0, 0],
  [7, 4, 7],
  [4, 6, 4],
]
/** Two codes a frame; frames 0 and 3 of the first utterance are the same. */
const codes = [
  [1, 2],
  [1, 3],
  [0, 2],
  [1, 2],
  [2, 2],
  [2, 1],
  [0, 0],
  [1, 1],
]

const inputs = (states: tf.Tensor, quantized: tf.Tensor) => ({
  projectedStates: states as tf.Tensor3D,
  projectedQuantizedStates: quantized as tf.Tensor3D,
  codeIndices: tf.tensor3d(codes.flat(), [batch, time, 2], 'int32'),
  sampledNegativeIndices: tf.tensor3d(negatives.flat(), [batch, time, distractors], 'int32'),
  maskTimeIndices: tf.tensor2d(masked, [batch, time], 'int32'),
  temperature,
})

/** The definition in float64: logits [1 + K] of each frame. */
const logitsOf = (states: ArrayLike<number>, quantized: ArrayLike<number>): number[][] => {
  const vector = (values: ArrayLike<number>, frame: number) =>
    Array.from({ length: dim }, (_, i) => values[frame * dim + i]!)
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  const cosine = (a: number[], b: number[]) =>
    dot(a, b) / Math.max(Math.sqrt(dot(a, a)), 1e-8) / Math.max(Math.sqrt(dot(b, b)), 1e-8)
  return masked.map((_, frame) =>
    [frame, ...negatives[frame]!].map((candidate, i) =>
      i > 0 && codes[candidate]!.join() === codes[frame]!.join()
        ? Number.NEGATIVE_INFINITY
        : cosine(vector(states, frame), vector(quantized, candidate)) / temperature,
    ),
  )
}

describe.each(enginesUnderTest())('contrastiveLoss on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  const states = () => randomTensor([batch, time, dim], 1)
  const quantized = () => randomTensor([batch, time, dim], 2)

  it('is the cross-entropy of the positive among its distractors, summed over masked frames', () => {
    const output = contrastiveLoss(inputs(states(), quantized()))
    const logits = logitsOf(states().dataSync(), quantized().dataSync())
    const rows = output.logits.arraySync().flat()
    let loss = 0
    let hits = 0
    logits.forEach((row, frame) => {
      if (!masked[frame]) return
      expect(rows[frame]!.map(Number.isFinite)).toEqual(row.map(Number.isFinite))
      expectClose(rows[frame]!.filter(Number.isFinite), row.filter(Number.isFinite), { absolute: 2e-5 })
      loss += Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[0]!
      if (row.slice(1).every((value) => value < row[0]!)) hits++
    })
    expectClose(output.loss, [loss], { relative: 2e-6 })
    expectClose(output.accuracy, [hits / masked.filter(Boolean).length], { relative: 1e-6 })
  })

  it('leaves out distractors with the codes of the positive', () => {
    const output = contrastiveLoss(inputs(states(), quantized()))
    const collisions = negatives.map((row, frame) =>
      row.map((candidate) => (codes[candidate]!.join() === codes[frame]!.join() ? 1 : 0)),
    )
    const found = (output.negativeIsPositive.arraySync() as number[][][]).flat()
    expect(collisions[0]).toEqual([0, 1, 0])
    masked.forEach((on, frame) => {
      if (on) expect(found[frame]!.map(Number)).toEqual(collisions[frame])
    })
  })

  it('has the gradients of its values, with collisions and repeated distractors', () => {
    expectGradients((a, b) => contrastiveLoss(inputs(a!, b!)).loss, [states(), quantized()], {
      step: 0.005,
      relative: 1e-3,
    })
  })

  it('stays finite where vectors are zero and where every distractor collides', () => {
    const same = {
      ...inputs(tf.zeros([batch, time, dim]), quantized()),
      codeIndices: tf.zeros([batch, time, 2], 'int32') as tf.Tensor3D,
    }
    expectClose(contrastiveLoss(same).loss, [0], { absolute: 1e-6 })
    const gradients = tf.grads((a: tf.Tensor, b: tf.Tensor) => contrastiveLoss(inputs(a, b)).loss)([
      tf.zeros([batch, time, dim]),
      quantized(),
    ])
    for (const gradient of gradients) expect(gradient.dataSync().every(Number.isFinite)).toBe(true)
  })
})
