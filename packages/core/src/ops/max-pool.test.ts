import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, it } from 'vitest'
import { randomTensor } from './gradient-check.fixture'
import { type MaxPool2dOptions, maxPool2d } from './max-pool'

/** The largest value of each window and where in the input it is (the first of equal ones), by the definition. */
const reference = (x: tf.Tensor4D, { size, stride = size, padding = 0 }: MaxPool2dOptions) => {
  const [batch, height, width, channels] = x.shape
  const values = x.dataSync()
  const [largest, places]: [number[], number[]] = [[], []]
  for (let b = 0; b < batch; b++)
    for (let row = -padding; row + size <= height + padding; row += stride)
      for (let column = -padding; column + size <= width + padding; column += stride)
        for (let c = 0; c < channels; c++) {
          let best = -1
          for (let y = Math.max(row, 0); y < Math.min(row + size, height); y++)
            for (let z = Math.max(column, 0); z < Math.min(column + size, width); z++) {
              const at = ((b * height + y) * width + z) * channels + c
              if (best < 0 || values[at]! > values[best]!) best = at
            }
          largest.push(values[best]!)
          places.push(best)
        }
  return { largest, places }
}

const cases: [string, [number, number], MaxPool2dOptions][] = [
  ['3 x 3, stride 2, padding 1, even sides', [6, 8], { size: 3, stride: 2, padding: 1 }],
  ['3 x 3, stride 2, padding 1, odd sides', [7, 5], { size: 3, stride: 2, padding: 1 }],
  ['2 x 2', [5, 4], { size: 2 }],
]

describe.each(enginesUnderTest())('maxPool2d on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each(cases)('%s: the largest of each window, which gets the whole gradient', (_, sides, options) => {
    // All below zero: padding must not win.
    const x = tf.sub(randomTensor<tf.Tensor4D>([2, ...sides, 3], 1), 9) as tf.Tensor4D
    const { largest, places } = reference(x, options)
    const y = maxPool2d(x, options)
    expectClose(y, largest, { relative: 0 })
    const dy = randomTensor(y.shape, 2)
    const expected = new Float64Array(x.size)
    dy.dataSync().forEach((value, i) => {
      expected[places[i]!]! += value
    })
    expectClose(tf.grad((t: tf.Tensor) => maxPool2d(t as tf.Tensor4D, options) as tf.Tensor)(x, dy), expected, {
      relative: 1e-6,
    })
  })
})
