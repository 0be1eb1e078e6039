import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { gelu } from './gelu'
import { expectGradients } from './gradient-check.fixture'

/** x Φ(x), the integral of the normal density by Simpson's rule in float64. */
const exact = (x: number): number => {
  const steps = 2000
  const h = x / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * Math.exp(-0.5 * (i * h) ** 2)
  return x * (0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI))
}

describe.each(enginesUnderTest())('gelu on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('is x times the normal distribution function, without the tanh approximation', () => {
    const points = Float32Array.from({ length: 81 }, (_, i) => (i - 40) / 8)
    expectClose(gelu(tf.tensor1d(points)), Array.from(points, exact), { relative: 0, absolute: 2e-6 })
  })

  it('is x or 0 far from 0', () => {
    expect(Array.from(gelu(tf.tensor1d([-50, 0, 50])).dataSync(), (y) => y + 0)).toEqual([0, 0, 50])
  })

  it('has the gradient of its values', () => {
    expectGradients(gelu, [tf.linspace(-4, 4, 17)], { step: 0.05 })
  })
})
