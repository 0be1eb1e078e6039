import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectGradients, randomTensor } from './gradient-check.fixture'
import { groupNorm } from './group-norm'
import { layerNorm } from './layer-norm'

const eps = 1e-5

/** Normalises the values at `places` together, with the statistics of those whose weight is 1, in float64. */
const normaliseTogether = (
  values: ArrayLike<number>,
  places: readonly number[],
  counts: (place: number) => boolean,
  into: Float64Array,
) => {
  const counted = places.filter(counts)
  const mean = counted.reduce((sum, i) => sum + values[i]!, 0) / counted.length
  const variance = counted.reduce((sum, i) => sum + (values[i]! - mean) ** 2, 0) / counted.length
  for (const i of places) into[i] = (values[i]! - mean) / Math.sqrt(variance + eps)
}

describe.each(enginesUnderTest())('layerNorm on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('normalises each row over the last axis, then scales and shifts', () => {
    const x = tf.add(tf.mul(randomTensor([2, 3, 5], 1), 4), 7)
    const [weight, bias] = [randomTensor([5], 2), randomTensor([5], 3)]
    const normal = new Float64Array(30)
    for (let row = 0; row < 6; row++)
      normaliseTogether(
        x.dataSync(),
        [0, 1, 2, 3, 4].map((i) => row * 5 + i),
        () => true,
        normal,
      )
    const [w, b] = [weight.dataSync(), bias.dataSync()]
    expectClose(
      layerNorm(x, weight, bias, eps),
      normal.map((n, i) => n * w[i % 5]! + b[i % 5]!),
      { relative: 2e-6 },
    )
  })

  it('gives the shift where a row is constant', () => {
    const y = layerNorm(tf.fill([2, 4], 3), tf.ones([4]), tf.tensor1d([1, 2, 3, 4]), eps)
    expect(Array.from(y.dataSync())).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
  })

  it('has the gradients of its definition', () => {
    const inputs = [randomTensor([2, 3, 5], 4), randomTensor([5], 5), randomTensor([5], 6)]
    expectGradients((x, weight, bias) => layerNorm(x, weight!, bias!, eps), inputs)
  })
})

describe.each(enginesUnderTest())('groupNorm on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  const [batch, time, channels] = [2, 7, 4]
  /** The second utterance ends after 4 frames. */
  const mask = () => tf.tensor2d([...Array(7).fill(1), 1, 1, 1, 1, 0, 0, 0], [batch, time])
  const variants = [1, 2, 4].flatMap((groups) => [
    { groups, masked: false },
    { groups, masked: true },
  ])

  it.each(variants)(
    'with $groups group(s) (masked: $masked) normalises over time and the group',
    ({ groups, masked }) => {
      const x = tf.add(tf.mul(randomTensor<tf.Tensor3D>([batch, time, channels], 1), 2), 3) as tf.Tensor3D
      const [weight, bias] = [randomTensor([channels], 2), randomTensor([channels], 3)]
      const normal = new Float64Array(x.size)
      const perGroup = channels / groups
      for (let b = 0; b < batch; b++) {
        for (let group = 0; group < groups; group++) {
          const places = Array.from(
            { length: time * perGroup },
            (_, i) => (b * time + Math.floor(i / perGroup)) * channels + group * perGroup + (i % perGroup),
          )
          normaliseTogether(
            x.dataSync(),
            places,
            (place) => !masked || b === 0 || Math.floor(place / channels) - time < 4,
            normal,
          )
        }
      }
      const [w, c] = [weight.dataSync(), bias.dataSync()]
      const expected = normal.map((n, i) => n * w[i % channels]! + c[i % channels]!)
      expectClose(groupNorm(x, weight, bias, { groups, eps, ...(masked && { mask: mask() }) }), expected, {
        relative: 2e-6,
      })
    },
  )

  it.each(variants)(
    'with $groups group(s) (masked: $masked) has the gradients of its definition',
    ({ groups, masked }) => {
      const inputs = [
        randomTensor([batch, time, channels], 4),
        randomTensor([channels], 5),
        randomTensor([channels], 6),
      ]
      const options = { groups, eps, ...(masked && { mask: mask() }) }
      expectGradients((x, weight, bias) => groupNorm(x as tf.Tensor3D, weight!, bias!, options), inputs)
    },
  )

  it('with a mask gives valid frames what they get without the padding', () => {
    const x = randomTensor<tf.Tensor3D>([1, 7, 4], 1)
    const [w, b] = [tf.ones([4]), tf.zeros([4])]
    const alone = groupNorm(tf.slice(x, [0, 0, 0], [1, 5, 4]), w, b, { groups: 2, eps })
    const padded = groupNorm(x, w, b, { groups: 2, eps, mask: tf.tensor2d([[1, 1, 1, 1, 1, 0, 0]]) })
    expectClose(tf.slice(padded, [0, 0, 0], [1, 5, 4]), alone, { relative: 1e-6 })
  })

  it('refuses channels that do not divide into the groups', () => {
    expect(() => groupNorm(tf.zeros([1, 2, 4]), tf.ones([4]), tf.zeros([4]), { groups: 3, eps })).toThrow('3 groups')
  })
})
