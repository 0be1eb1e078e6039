import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Initializer } from './initializer'
import { inference } from './module'
import { ScaledPositionalEncoding, SinusoidalPositionalEmbedding } from './sinusoidal-positions'

describe.each(enginesUnderTest())('sinusoidal positions on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it("in fairseq's form count tokens from padding + 1, sines first, and give padding zeros", () => {
    const positions = new SinusoidalPositionalEmbedding(6, 1)
    const rows = positions.forward(
      tf.tensor2d(
        [
          [2, 7, 7],
          [1, 2, 9],
        ],
        [2, 3],
        'int32',
      ),
    )
    const row = (position: number) => {
      const angles = [1, 1e-2, 1e-4].map((frequency) => position * frequency)
      return [...angles.map(Math.sin), ...angles.map(Math.cos)]
    }
    const zeros = Array<number>(6).fill(0)
    expectClose(rows, [...row(2), ...row(3), ...row(4), ...zeros, ...row(2), ...row(3)], { relative: 1e-7 * 2 })
    expectClose(positions.at(tf.scalar(2, 'int32'), 5), row(4), { relative: 2e-7 })
    expect(() => new SinusoidalPositionalEmbedding(5, 1)).toThrow('pairs')
  })

  it("in SpeechT5's form take sines and cosines in turn, from 0, times a trained scale", () => {
    const encoding = new ScaledPositionalEncoding(4, new Initializer(1))
    encoding.alpha.assign(tf.scalar(0.5))
    const x = tf.ones([2, 3, 4]) as tf.Tensor3D
    const row = (position: number) =>
      [1, 1e-2].flatMap((f) => [1 + 0.5 * Math.sin(position * f), 1 + 0.5 * Math.cos(position * f)])
    const rows = [0, 1, 2].flatMap(row)
    expectClose(encoding.forward(x, inference), [...rows, ...rows], { relative: 2e-7 })
    expectClose(encoding.step(tf.ones([1, 1, 4]), tf.scalar(2, 'int32'), 9), row(2), { relative: 2e-7 })
    expect([...encoding.namedParameters().keys()]).toEqual(['alpha'])
  })
})
