import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectParameterGradients, randomTensor } from '../ops/gradient-check.fixture'
import { Rng } from '../random/index'
import { GumbelVectorQuantizer } from './gumbel-quantizer'
import { Initializer } from './initializer'
import { inference } from './module'

const [batch, time, inputSize, groups, entries, codevectorDim] = [2, 4, 5, 2, 3, 6]
const frames = batch * time
const width = codevectorDim / groups
const make = () => new GumbelVectorQuantizer({ inputSize, groups, entries, codevectorDim }, new Initializer(1))
const training = { training: true }

/** Logits [frames * groups, entries] in float64. */
const logitsOf = (quantizer: GumbelVectorQuantizer, x: tf.Tensor): number[][] => {
  const [values, w, b] = [x, quantizer.weightProj.weight, quantizer.weightProj.bias!].map((t) => t.dataSync()) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const logit = (frame: number, j: number) =>
    b[j]! +
    Array.from({ length: inputSize }, (_, i) => values[frame * inputSize + i]! * w[j * inputSize + i]!).reduce(
      (a, c) => a + c,
    )
  return Array.from({ length: frames * groups }, (_, row) =>
    Array.from({ length: entries }, (_, v) => logit(Math.floor(row / groups), (row % groups) * entries + v)),
  )
}
const softmax = (row: readonly number[]) => {
  const exponentials = row.map((value) => Math.exp(value - Math.max(...row)))
  const total = exponentials.reduce((a, b) => a + b)
  return exponentials.map((value) => value / total)
}
const largest = (row: readonly number[]) => row.indexOf(Math.max(...row))
/** Summed over groups: exp of the entropy of the rows' average over the frames that count. */
const perplexity = (rows: readonly (readonly number[])[], counts: (frame: number) => boolean): number => {
  let sum = 0
  for (let g = 0; g < groups; g++) {
    const counted = rows.filter((_, row) => row % groups === g && counts(Math.floor(row / groups)))
    const average = Array.from(
      { length: entries },
      (_, v) => counted.reduce((total, row) => total + row[v]!, 0) / counted.length,
    )
    sum += Math.exp(-average.reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0))
  }
  return sum
}
const oneHot = (index: number) => Array.from({ length: entries }, (_, v) => (v === index ? 1 : 0))

describe.each(enginesUnderTest())('GumbelVectorQuantizer on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  const x = () => randomTensor<tf.Tensor3D>([batch, time, inputSize], 1)
  const noise = () => randomTensor<tf.Tensor2D>([frames * groups, entries], 2)
  const mask = () => tf.tensor2d([1, 0, 1, 1, 0, 0, 1, 0], [batch, time])
  const counts = (frame: number) => [1, 0, 1, 1, 0, 0, 1, 0][frame] === 1

  /** The entries of each group side by side, as chosen. */
  const look = (quantizer: GumbelVectorQuantizer, codes: readonly number[]) => {
    const books = quantizer.codevectors.dataSync()
    return codes.flatMap((code, row) =>
      Array.from({ length: width }, (_, i) => books[((row % groups) * entries + code) * width + i]!),
    )
  }

  it('in training picks the entries with the largest logit plus noise', () => {
    const quantizer = make()
    const [gumbelNoise, temperature] = [noise(), tf.scalar(0.7)]
    const output = quantizer.forward(x(), training, { gumbelNoise, temperature, maskTimeIndices: mask() })
    const logits = logitsOf(quantizer, x())
    const noisy = logits.map((row, i) => row.map((value, v) => value + gumbelNoise.dataSync()[i * entries + v]!))
    const codes = noisy.map(largest)
    expect(Array.from(output.codeIndices.dataSync())).toEqual(codes)
    expect(output.codevectors.shape).toEqual([batch, time, codevectorDim])
    expectClose(output.codevectors, look(quantizer, codes), { relative: 1e-6 })
    expectClose(
      output.softProbs!,
      noisy.flatMap((row) => softmax(row.map((value) => value / 0.7))),
      { relative: 2e-6 },
    )
    const soft = perplexity(logits.map(softmax), counts)
    expectClose(output.codevectorPerplexity, [soft], { relative: 2e-6 })
    expectClose(output.probPerplexity, [soft], { relative: 2e-6 })
    expectClose(output.codePerplexity, [perplexity(codes.map(oneHot), counts)], { relative: 2e-6 })
  })

  it('otherwise picks the largest logit, and its perplexity is that of the choices', () => {
    const quantizer = make()
    const output = quantizer.forward(x(), inference, { maskTimeIndices: mask() })
    const codes = logitsOf(quantizer, x()).map(largest)
    expect(Array.from(output.codeIndices.dataSync())).toEqual(codes)
    expectClose(output.codevectors, look(quantizer, codes), { relative: 1e-6 })
    expectClose(output.codevectorPerplexity, [perplexity(codes.map(oneHot), counts)], { relative: 2e-6 })
  })

  it('counts every frame without a mask; even use of all entries is a perplexity of groups times entries', () => {
    const quantizer = make()
    expectClose(
      quantizer.forward(x(), inference).codePerplexity,
      [
        perplexity(
          logitsOf(quantizer, x()).map((row) => oneHot(largest(row))),
          () => true,
        ),
      ],
      { relative: 2e-6 },
    )
    const even = quantizer.forward(tf.zeros([batch, time, inputSize]), inference)
    expectClose(even.probPerplexity, [groups * entries], { relative: 1e-6 })
    expectClose(even.codePerplexity, [groups], { relative: 1e-6 })
  })

  it('passes gradients straight through: those of the Gumbel softmax in the place of the choice', () => {
    const quantizer = make()
    const inputs = { gumbelNoise: noise(), temperature: tf.scalar(0.9) }
    const hidden = x()
    const projection = randomTensor([batch, time, codevectorDim], 5)
    const hard = tf.variableGrads(
      () => tf.sum(tf.mul(quantizer.forward(hidden, training, inputs).codevectors, projection)),
      [quantizer.weightProj.weight, quantizer.weightProj.bias!],
    ).grads
    const soft = (): tf.Scalar => {
      const { softProbs } = quantizer.forward(hidden, training, inputs)
      const books = tf.reshape(quantizer.codevectors, [1, groups, entries, width])
      const mixed = tf.sum(tf.mul(tf.reshape(softProbs!, [frames, groups, entries, 1]), books), 2)
      return tf.sum(tf.mul(tf.reshape(mixed, [batch, time, codevectorDim]), projection)) as tf.Scalar
    }
    const wanted = tf.variableGrads(soft, [quantizer.weightProj.weight, quantizer.weightProj.bias!]).grads
    for (const [name, gradient] of Object.entries(wanted)) expectClose(hard[name]!, gradient, { relative: 1e-5, name })
    expectParameterGradients(quantizer.weightProj.namedParameters(), soft)
    expectParameterGradients(
      new Map([['codevectors', quantizer.codevectors]]),
      () => quantizer.forward(hidden, training, inputs).codevectors,
    )
  })

  it('has a perplexity with the gradients of its values, and NaN neither for unused entries nor without masked frames', () => {
    const quantizer = make()
    const inputs = { gumbelNoise: noise(), temperature: tf.scalar(1), maskTimeIndices: mask() }
    const hidden = x()
    expectParameterGradients(
      quantizer.weightProj.namedParameters(),
      () => quantizer.forward(hidden, training, inputs).codevectorPerplexity,
    )
    // Probabilities that underflow to 0.
    const extreme = tf.mul(hidden, 1000) as tf.Tensor3D
    const { value, grads } = tf.variableGrads(
      () => quantizer.forward(extreme, training, inputs).codevectorPerplexity,
      [quantizer.weightProj.weight],
    )
    expect(value.dataSync()[0]).toBeGreaterThanOrEqual(groups)
    expect(Object.values(grads)[0]!.dataSync().every(Number.isFinite)).toBe(true)
    const none = quantizer.forward(hidden, training, { ...inputs, maskTimeIndices: tf.zeros([batch, time]) })
    expect(Number.isFinite(none.codevectorPerplexity.dataSync()[0]!)).toBe(true)
  })

  it('draws its noise from the context, and says what training needs', () => {
    const quantizer = make()
    const temperature = tf.scalar(2)
    const draw = (seed: number) =>
      quantizer.forward(x(), { training: true, rng: Rng.fromSeed(seed) }, { temperature }).softProbs!.dataSync()
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
    expect(() => quantizer.forward(x(), training, { temperature })).toThrow('rng')
    expect(() => quantizer.forward(x(), { training: true, rng: Rng.fromSeed(1) })).toThrow('temperature')
  })

  it('leaves no tensors behind', () => {
    const quantizer = make()
    const step = () =>
      tf.tidy(() => {
        const context = { training: true, rng: Rng.fromSeed(1) }
        const forward = () => quantizer.forward(x(), context, { temperature: tf.scalar(2), maskTimeIndices: mask() })
        tf.variableGrads(() => tf.add(tf.sum(forward().codevectors), forward().codevectorPerplexity))
      })
    step()
    const { numTensors, numDataBuffers } = tf.memory()
    step()
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers })
  })

  it('refuses a code vector that its groups do not divide', () => {
    expect(
      () => new GumbelVectorQuantizer({ inputSize, groups: 4, entries, codevectorDim }, new Initializer(1)),
    ).toThrow('4 groups')
  })
})
