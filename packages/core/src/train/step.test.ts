import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { toTensors } from '../data/index'
import { ConfigError, TrainingError } from '../errors'
import { assignGroups, type ParameterGroup } from './parameter-groups'
import { TrainStep } from './step'
import { ToyModel, toyData, toyObjective } from './toy.fixture'

describe.each(enginesUnderTest())('TrainStep on %s', (engine) => {
  beforeAll(() => useEngine(engine))
  afterEach(() => tf.disposeVariables())

  const key = Int32Array.of(1, 2)
  const setUp = (
    options: {
      accumulate?: number
      sum?: boolean
      clipNorm?: number
      groups?: ParameterGroup[]
      dropout?: number
    } = {},
  ) => {
    const { accumulate = 1, groups = [], clipNorm } = options
    const model = new ToyModel()
    const step = new TrainStep({
      parameters: assignGroups(model, groups),
      objective: toyObjective(model, options),
      optimizer: { learningRate: 0.01 },
      accumulate,
      ...(clipNorm === undefined ? {} : { clipNorm }),
    })
    const run = async (
      batches: Record<string, tf.Tensor>[],
      number = 1,
      activeGroups = groups.length > 0 ? [0, 1] : [0],
    ) => {
      const learningRates = [0.01, ...groups.map(() => 0.01)]
      const vector = step.run(batches, { step: number, learningRates, activeGroups, key })
      const values = await vector.data()
      vector.dispose()
      return Object.fromEntries(step.metricNames.map((name, index) => [name, values[index]!]))
    }
    return { model, step, run }
  }
  const batch = async (index: number, rows = 16) => toTensors(await toyData({ rows }).batch(0, index))
  const joined = (batches: Record<string, tf.Tensor>[]) => ({
    inputs: tf.concat(batches.map(({ inputs }) => inputs!)),
    targets: tf.concat(batches.map(({ targets }) => targets!)),
  })

  it('reports loss, gradient norm and metrics of the parameters before the update', async () => {
    const { model, run } = setUp()
    const { inputs, targets } = await batch(0)
    const difference = tf.sub(model.forward(inputs!), targets!)
    const { value, grads } = tf.variableGrads(
      () => tf.mean(tf.square(tf.sub(model.forward(inputs!), targets!))) as tf.Scalar,
      [...model.parameters.values()],
    )
    const squares = Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)).dataSync()[0]!)
    const metrics = await run([{ inputs: inputs!, targets: targets! }])
    expectClose([metrics.loss!], value, { relative: 1e-6 })
    expectClose([metrics.gradNorm!], [Math.sqrt(squares.reduce((sum, square) => sum + square, 0))], { relative: 1e-6 })
    expectClose([metrics.absolute!], tf.mean(tf.abs(difference)), { relative: 1e-6 })
    expect(metrics).toMatchObject({ skipped: 0, rows: 16 })
    expect(Object.keys(metrics)).toEqual(['loss', 'gradNorm', 'skipped', 'absolute', 'rows'])
  })

  it('accumulates means over equal micro-batches to the large batch', async () => {
    const micro = await Promise.all([0, 1, 2].map((index) => batch(index)))
    const whole = setUp()
    const parts = setUp({ accumulate: 3 })
    for (let step = 1; step <= 4; step++) {
      const expected = await whole.run([joined(micro)], step)
      const metrics = await parts.run(micro, step)
      for (const name of ['loss', 'gradNorm', 'absolute', 'rows'])
        expectClose([metrics[name]!], [expected[name]!], { relative: 1e-6, name })
      expectClose(parts.model.values(), whole.model.values(), { relative: 1e-5 })
    }
  })

  it('accumulates sums over unequal micro-batches to the large batch, by sample size', async () => {
    const micro = await Promise.all([4, 16, 9].map((rows, index) => batch(index, rows)))
    const whole = setUp({ sum: true, clipNorm: 0.1 })
    const parts = setUp({ sum: true, clipNorm: 0.1, accumulate: 3 })
    for (let step = 1; step <= 4; step++) {
      const expected = await whole.run([joined(micro)], step)
      const metrics = await parts.run(micro, step)
      expect(metrics.sampleSize).toBe(29)
      for (const name of ['loss', 'gradNorm', 'absolute', 'rows'])
        expectClose([metrics[name]!], [expected[name]!], { relative: 1e-6, name })
      expectClose(parts.model.values(), whole.model.values(), { relative: 1e-5 })
    }
    expect(parts.step.traceCount).toBe(engine === 'xla' ? 4 : 0)
  })

  it('divides a sum by its sample size, so that it equals the mean', async () => {
    const [sum, mean] = [setUp({ sum: true }), setUp()]
    const one = await batch(0)
    const [ofSum, ofMean] = [await sum.run([one]), await mean.run([one])]
    for (const name of ['loss', 'gradNorm', 'absolute'])
      expectClose([ofSum[name]!], [ofMean[name]!], { relative: 1e-6, name })
  })

  it('refuses an update that is not finite, also in one of several micro-batches, and goes on after it', async () => {
    for (const accumulate of [1, 2]) {
      const [disturbed, quiet] = [setUp({ accumulate }), setUp({ accumulate })]
      const good = await Promise.all([0, 1].slice(0, accumulate).map((index) => batch(index)))
      const poisoned = toTensors(await toyData({ poisoned: () => true }).batch(0, 3))
      await quiet.run(good)
      await disturbed.run(good)
      const before = disturbed.model.values()
      const metrics = await disturbed.run([poisoned, ...good].slice(0, accumulate), 2)
      expect(metrics.loss).toBeNaN()
      expect(metrics.skipped).toBe(1)
      expect(disturbed.model.values()).toEqual(before)
      await quiet.run(good, 2)
      await disturbed.run(good, 3)
      expect(disturbed.model.values()).toEqual(quiet.model.values())
    }
  })

  it('traces once for each shape and each set of frozen groups', async () => {
    const { step, run } = setUp({
      groups: [{ match: (name) => name.startsWith('hidden'), scale: () => 1 }],
      dropout: 0.1,
    })
    const counts: number[] = []
    for (const [rows, active] of [
      [16, [0, 1]],
      [16, [0, 1]],
      [8, [0, 1]],
      [16, [0, 1]],
      [8, [0, 1]],
      [16, [0]],
      [16, [0]],
    ] as const) {
      await run([await batch(0, rows)], counts.length + 1, [...active])
      counts.push(step.traceCount)
    }
    expect(counts).toEqual(engine === 'xla' ? [1, 1, 2, 2, 2, 3, 3] : [0, 0, 0, 0, 0, 0, 0])
  })

  it('leaves frozen groups, frozen variables and unconnected parameters as they are, weight decay included', async () => {
    const { model, run } = setUp({ groups: [{ match: (name) => name === 'hidden.weight', scale: () => 0 }] })
    const bias = model.parameters.get('hidden.bias')!
    bias.trainable = false
    const unconnected = tf.variable(tf.scalar(3))
    model.parameters.set('unused', unconnected)
    const before = model.values()
    const metrics = await run([await batch(0)], 1, [0])
    const after = model.values()
    expect(after.slice(0, 32)).toEqual(before.slice(0, 32))
    expect(after.slice(32, 40)).not.toEqual(before.slice(32, 40))
    expect(after[40]).toBe(3)
    expect(metrics.gradNorm).toBeGreaterThan(0)
  })

  it('leaves no tensors behind', async () => {
    for (const accumulate of [1, 2]) {
      const { run } = setUp({ accumulate, dropout: 0.1 })
      const batches = await Promise.all([0, 1].slice(0, accumulate).map((index) => batch(index)))
      await run(batches)
      const { numTensors } = tf.memory()
      for (let step = 2; step < 5; step++) await run(batches, step)
      expect(tf.memory().numTensors).toBe(numTensors)
    }
  })

  it('says what is wrong with an objective', async () => {
    const model = new ToyModel()
    const objective = { name: 'bad', loss: () => ({ loss: tf.scalar(0), metrics: { loss: tf.scalar(0) } }) }
    const step = new TrainStep({
      parameters: assignGroups(model, []),
      objective,
      optimizer: { learningRate: 1 },
      accumulate: 1,
    })
    const controls = { step: 1, learningRates: [1], activeGroups: [0], key }
    expect(() => step.run([{}], controls)).toThrow(TrainingError)
    expect(() => step.run([{}], { ...controls, activeGroups: [] })).toThrow(/frozen/)
    expect(() => assignGroups(model, [{ match: () => false, scale: () => 1 }])).toThrow(ConfigError)
  })
})
