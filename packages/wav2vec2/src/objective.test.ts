import {
  ConfigError,
  CtcObjective,
  CtcTokenizer,
  compile,
  ctcBatches,
  DataError,
  HostRng,
  type Recording,
  Rng,
  rngKey,
  SpeechFeatureExtractor,
  SpeechProcessor,
  toTensors,
} from '@babble/core'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { wav2vec2Tiny } from './config'
import { pretrainingBatches } from './data/pretraining-batches'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining } from './heads/pretraining'
import { gumbelTemperature, Wav2Vec2PretrainingObjective } from './objective'
import { ctcRecipe, freezeTransformerUntil, pretrainingRecipe } from './recipe'

const config = wav2vec2Tiny({
  hiddenSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 16,
  convDim: [8, 8],
  convKernel: [10, 4],
  convStride: [5, 4],
  numConvPosEmbeddings: 4,
  numConvPosEmbeddingGroups: 2,
  numCodevectorsPerGroup: 8,
  codevectorDim: 8,
  projCodevectorDim: 8,
  numNegatives: 5,
  vocabSize: 4,
})

const recordings: Recording[] = ['ab', 'ba'].map((text, seed) => {
  const rng = new HostRng(seed)
  return { path: text, text, samples: 800, waveform: Float32Array.from({ length: 800 }, () => rng.normal()) }
})

const context = (training: boolean, step = 1) => ({ training, rng: new Rng(rngKey(1)), step: tf.scalar(step) })
const number = (tensor: tf.Tensor | undefined) => tensor!.dataSync()[0]!

describe.each(enginesUnderTest())('gumbelTemperature on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('falls by a factor a step from its start to its end, from the step as a tensor', () => {
    const at = compile((step: tf.Scalar) => gumbelTemperature(step))
    expect(number(at(tf.scalar(0)))).toBe(2)
    expect(number(at(tf.scalar(100_000))) / (2 * 0.999995 ** 100_000)).toBeCloseTo(1, 5)
    expect(number(at(tf.scalar(400_000)))).toBe(0.5)
  })
})

describe('Wav2Vec2PretrainingObjective', () => {
  beforeAll(() => useEngine('cpu'))
  const batch = () => toTensors(pretrainingBatches(recordings, { config, batchSize: 2, seed: 0 }).batch(0, 0) as never)

  it('adds up contrastive loss, diversity and penalty over the masked frames', () => {
    const model = new Wav2Vec2ForPreTraining(config)
    const objective = new Wav2Vec2PretrainingObjective(model, { featurePenaltyWeight: 10 })
    const { loss, metrics } = objective.loss(batch(), context(true))
    const parts = number(metrics.contrastiveLoss) + 0.1 * number(metrics.diversityLoss)
    const penalty = 10 * number(metrics.featurePenalty) * number(metrics.sampleSize)
    expect(penalty).toBeGreaterThan(0.01)
    expectClose([number(loss)], [parts + penalty], { relative: 1e-6 })
    expect(number(metrics.sampleSize)).toBe(number(tf.sum(batch().maskTimeIndices!)))
    expect(number(metrics.temperature)).toBeCloseTo(2, 4)
    const groups = config.numCodevectorGroups
    for (const name of ['codePerplexity', 'probPerplexity']) {
      expect(number(metrics[name])).toBeGreaterThanOrEqual(groups * 0.999)
      expect(number(metrics[name])).toBeLessThanOrEqual(groups * config.numCodevectorsPerGroup * 1.001)
    }
    expect(objective.reductions).toEqual({ contrastiveLoss: 'perSample', diversityLoss: 'perSample' })
    model.dispose()
  })

  it('says what a batch lacks, and which options make no sense', () => {
    const model = new Wav2Vec2ForPreTraining(config)
    const { sampledNegativeIndices: _, ...lacking } = batch()
    expect(() => new Wav2Vec2PretrainingObjective(model).loss(lacking, context(true))).toThrow(DataError)
    expect(() => new Wav2Vec2PretrainingObjective(model, { gumbelTemperature: { start: 0.1 } })).toThrow(ConfigError)
    expect(() => new Wav2Vec2PretrainingObjective(model, { featureGradMult: -1 })).toThrow(/featureGradMult/)
    model.dispose()
  })
})

describe('Wav2Vec2CtcObjective', () => {
  beforeAll(() => useEngine('cpu'))
  const tokenizer = CtcTokenizer.fromTexts(['ab'], { units: 'letters', wordDelimiterToken: 'b' })
  const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)

  it.each(['sum', 'mean'] as const)('has a loss of reduction %s', (ctcLossReduction) => {
    const model = new Wav2Vec2ForCTC({ ...config, ctcLossReduction })
    const source = ctcBatches(recordings, processor, { config: model.config, batchSize: 2, seed: 0, augment: false })
    const batch = toTensors(source.batch(0, 0) as never)
    const { loss, metrics } = new CtcObjective(model).loss(batch, context(false))
    const single = [0, 1].map((item) => {
      const one = Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, tf.slice(tensor, item, 1)]))
      return number(model.forward(one as never).loss)
    })
    const total = single[0]! + single[1]!
    expectClose([number(loss)], [ctcLossReduction === 'sum' ? total : total / 2], { relative: 1e-5 })
    if (ctcLossReduction === 'sum') expect(number(metrics.sampleSize)).toBe(4)
    else expect(metrics.sampleSize).toBeUndefined()
    expect(number(metrics.blankShare)).toBeGreaterThanOrEqual(0)
    model.dispose()
  })
})

describe('recipes', () => {
  it("of BASE and LARGE are the paper's", () => {
    const base = pretrainingRecipe('base')
    expect(base.schedule(32_000)).toBeCloseTo(1, 6)
    expect(base.schedule(400_000)).toBeLessThan(1e-5)
    expect(base).toMatchObject({ featureGradMult: 0.1, cropSamples: 250_000, optimizer: { learningRate: 5e-4 } })
    expect(pretrainingRecipe('large')).toMatchObject({ cropSamples: 320_000, gumbelTemperature: { end: 0.1 } })
  })

  it('of fine-tuning mask by the amount of labelled speech', () => {
    expect(ctcRecipe('10min').config).toMatchObject({
      maskTimeProb: 0.75,
      maskFeatureProb: 0.512,
      maskFeatureLength: 64,
    })
    expect(ctcRecipe('10h').freezeTransformerUpdates).toBe(10_000)
    expect(ctcRecipe('960h').freezeTransformerUpdates).toBe(0)
    expect(ctcRecipe('1h', { maxSteps: 1300 }).freezeTransformerUpdates).toBe(1000)
  })

  it('of the frozen Transformer let the head alone learn, until the update that is named', () => {
    const group = freezeTransformerUntil(100)
    expect(group.match('wav2vec2.encoder.layer_norm.weight')).toBe(true)
    expect(group.match('lm_head.weight')).toBe(false)
    expect([group.scale(100), group.scale(101)]).toEqual([0, 1])
  })
})
