import { ConfigError, DataError, HostRng, labelsInMemory, type Recording, Rng, Trainer, toTensors } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type HubertConfig, hubertTiny } from './config'
import { hubertPretrainingBatches } from './data/pretraining-batches'
import { HubertForPreTraining } from './heads/pretraining'
import { HubertPretrainingObjective } from './objective'

const small = (fields: Partial<HubertConfig> = {}) =>
  hubertTiny({
    hiddenSize: 16,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 32,
    convDim: [8, 8, 8, 8, 8, 8, 8],
    numConvPosEmbeddings: 4,
    numConvPosEmbeddingGroups: 2,
    finalDim: 8,
    featExtractNorm: 'layer',
    convBias: true,
    numClasses: [6, 3],
    ...fields,
  })

const noise = (seed: number, samples: number): Recording => {
  const rng = new HostRng(seed)
  return { path: `${seed}.wav`, samples, waveform: Float32Array.from({ length: samples }, () => rng.normal()) }
}

const recordings = [noise(1, 8000), noise(2, 6500), noise(3, 8000), noise(4, 7000)]
const labelsOf = (classes: number) =>
  labelsInMemory(
    recordings.map(({ samples }, i) => Int32Array.from({ length: samples / 320 }, (_, at) => (at * (i + 1)) % classes)),
  )
const batches = (config: HubertConfig, fields: { multipleOf?: number } = {}) =>
  hubertPretrainingBatches(recordings, config.numClasses.map(labelsOf), { config, batchSize: 4, seed: 1, ...fields })

const engine = enginesUnderTest().at(-1)!

describe(`HubertPretrainingObjective on ${engine}`, () => {
  beforeAll(() => useEngine(engine))

  it('adds up what is masked and what is not by their weights, and measures each label set', async () => {
    const config = small()
    const model = new HubertForPreTraining(config)
    const batch = toTensors(await (await batches(config)).batch(0, 0))
    const context = { rng: new Rng(tf.tensor1d([0, 0], 'int32')), training: false, step: tf.scalar(1) }
    const measure = (options: ConstructorParameters<typeof HubertPretrainingObjective>[1]) => {
      const { loss, metrics } = new HubertPretrainingObjective(model, options).loss(batch, context)
      return Object.fromEntries(Object.entries({ loss, ...metrics }).map(([name, t]) => [name, t.dataSync()[0]!]))
    }
    const masked = measure({ featurePenaltyWeight: 0 })
    const both = measure({ unmaskedWeight: 0.5, featurePenaltyWeight: 0 })
    const penalised = measure({ featurePenaltyWeight: 10 })
    expect(
      Object.keys(masked)
        .filter((name) => name.endsWith('.1'))
        .sort(),
    ).toEqual(['maskedAccuracy.1', 'maskedLoss.1', 'unmaskedAccuracy.1', 'unmaskedLoss.1'])
    const { data } = (await (await batches(config)).batch(0, 0)).maskTimeIndices
    expect(masked.sampleSize).toBe(Array.from(data).filter((on) => on === 1).length)
    expect(masked.loss).toBeCloseTo((masked['maskedLoss.0']! + masked['maskedLoss.1']!) * masked.sampleSize!, 2)
    expect(masked.maskedLoss).toBeCloseTo((masked['maskedLoss.0']! + masked['maskedLoss.1']!) / 2, 4)
    const others = both.sampleSize! - masked.sampleSize!
    const unmasked = (both['unmaskedLoss.0']! + both['unmaskedLoss.1']!) * others
    expect(both.loss! / (masked.loss! + 0.5 * unmasked)).toBeCloseTo(1, 4)
    const penalty = 10 * penalised.featurePenalty! * penalised.sampleSize!
    expect(penalised.loss! / (masked.loss! + penalty)).toBeCloseTo(1, 4)
    model.dispose()
  })

  it('is the same in two parts as in one', async () => {
    const config = small({ hiddenDropout: 0.1, attentionDropout: 0.1 })
    const train = async (accumulate: number) => {
      const model = new HubertForPreTraining(config)
      const { history } = await new Trainer({
        model,
        objective: new HubertPretrainingObjective(model, { unmaskedWeight: 0.5, featurePenaltyWeight: 0 }),
        data: await batches(config, { multipleOf: 2 }),
        optimizer: { learningRate: 1e-3 },
        accumulate,
        maxSteps: 2,
        logEvery: 1,
        seed: 0,
      }).run()
      const weights = Float32Array.from(model.hubert.featureProjection.projection.weight.dataSync())
      model.dispose()
      return { losses: history.map(({ metrics }) => metrics.loss!), weights }
    }
    const [whole, parts] = [await train(1), await train(2)]
    whole.losses.forEach((loss, i) => {
      expect(parts.losses[i]! / loss).toBeCloseTo(1, 5)
    })
    whole.weights.forEach((weight, i) => {
      expect(Math.abs(parts.weights[i]! - weight)).toBeLessThan(2e-5)
    })
  })

  it('says what is missing or does not fit', async () => {
    const config = small()
    const model = new HubertForPreTraining(config)
    const { targets, ...rest } = toTensors(await (await batches(config)).batch(0, 0))
    const context = { rng: new Rng(tf.tensor1d([0, 0], 'int32')), training: false, step: tf.scalar(1) }
    const objective = new HubertPretrainingObjective(model)
    expect(() => objective.loss(rest, context)).toThrow(/no targets.*hubertPretrainingBatches/)
    const one = tf.slice(targets!, [0, 0, 0], [-1, -1, 1])
    expect(() => objective.loss({ ...rest, targets: one }, context)).toThrow(DataError)
    expect(() => objective.loss({ ...rest, targets: one }, context)).toThrow(/not \[4, labels, 2\]/)
    const row = tf.slice(targets!, [0, 0, 0], [1, -1, -1])
    expect(() => objective.loss({ ...rest, targets: row }, context)).toThrow(
      /targets is \[1,24,2\], not \[4, labels, 2\]/,
    )
    const mask = tf.slice(rest.maskTimeIndices!, [0, 0], [1, -1])
    expect(() => objective.loss({ ...rest, targets: targets!, maskTimeIndices: mask }, context)).toThrow(
      /maskTimeIndices is \[1,24\], not \[4, 24\]/,
    )
    const fewer = tf.slice(targets!, [0, 0, 0], [-1, 18, -1])
    expect(() => objective.loss({ ...rest, targets: fewer }, context)).toThrow(/maskTimeIndices is .*, not \[4, 18\]/)
    expect(() => model.forward({ inputValues: rest.inputValues!, targets: targets! })).toThrow(
      /maskTimeIndices is not given/,
    )
    expect(() => new HubertPretrainingObjective(model, { maskedWeight: 0 })).toThrow(ConfigError)
    expect(() => new HubertPretrainingObjective(model, { featurePenaltyWeight: -1 })).toThrow(
      /featurePenaltyWeight is -1/,
    )
    model.dispose()
  })
})
