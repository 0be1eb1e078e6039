import {
  classificationBatches,
  HostRng,
  objectiveEvaluator,
  type Recording,
  SequenceClassificationObjective,
  SequenceClassifier,
  Trainer,
} from '@babble/core'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type HubertConfig, hubertTiny, readHubertConfig, writeHubertConfig } from '../config'
import { HubertForSequenceClassification } from './sequence-classification'

const small = (fields: Partial<HubertConfig> = {}): HubertConfig =>
  hubertTiny({
    hiddenSize: 32,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 64,
    convDim: [16, 16, 16],
    convKernel: [10, 4, 4],
    convStride: [5, 4, 4],
    numConvPosEmbeddings: 5,
    numConvPosEmbeddingGroups: 4,
    featExtractNorm: 'layer',
    convBias: true,
    doStableLayerNorm: true,
    hiddenDropout: 0,
    attentionDropout: 0,
    featProjDropout: 0,
    classifierProjSize: 16,
    initializerRange: 0.2,
    id2label: ['low', 'middle', 'high'],
    ...fields,
  })

const waves = (rows: number, samples: number): tf.Tensor2D => {
  const rng = new HostRng(1)
  return tf.tensor2d(
    Float32Array.from({ length: rows * samples }, () => rng.normal()),
    [rows, samples],
  )
}
const valid = (lengths: readonly number[], samples: number): tf.Tensor2D =>
  tf.tensor2d(
    lengths.map((length) => Array.from({ length: samples }, (_, i) => (i < length ? 1 : 0))),
    undefined,
    'int32',
  )

describe('on the portable engine', () => {
  beforeAll(() => useEngine('wasm'))

  it('averages the projected frames of each utterance, padding aside', () => {
    const model = new HubertForSequenceClassification(small())
    const inputValues = waves(2, 1000)
    const output = model.forward({ inputValues, attentionMask: valid([1000, 600], 1000) })
    const projected = model.projector.forward(output.lastHiddenState)
    const frames = output.frameLengths!.arraySync()
    expect(frames[1]).toBeLessThan(frames[0]!)
    const expected = frames.map((count, row) => tf.mean(tf.slice(projected, [row, 0, 0], [1, count, -1]), 1))
    expectClose(output.pooledOutput.dataSync(), tf.concat(expected).dataSync(), { relative: 1e-6, name: 'pooled' })
    const alone = model.forward({ inputValues: tf.slice(inputValues, [1, 0], [1, 600]) })
    expectClose(tf.slice(output.logits, [1, 0], [1, -1]).dataSync(), alone.logits.dataSync(), {
      relative: 1e-5,
      name: 'logits',
    })
    model.dispose()
  })

  it('averages the layers by learned weights, which begin equal', () => {
    const config = small({ useWeightedLayerSum: true })
    const model = new HubertForSequenceClassification(config)
    expect([...model.layerWeights!.dataSync()]).toEqual(new Array(3).fill(Math.fround(1 / 3)))
    model.layerWeights!.assign(tf.tensor1d([0.5, -1, 2]))
    const inputs = { inputValues: waves(2, 1000), attentionMask: valid([1000, 600], 1000) }
    const output = model.forward(inputs, undefined, { outputHiddenStates: true })
    const weights = tf.softmax(tf.tensor1d([0.5, -1, 2])).dataSync()
    const sum = tf.addN(output.hiddenStates!.map((state, layer) => tf.mul(state, weights[layer]!)))
    const projected = model.projector.forward(sum as tf.Tensor3D)
    const pooled = output
      .frameLengths!.arraySync()
      .map((count, row) => tf.mean(tf.slice(projected, [row, 0, 0], [1, count, -1]), 1))
    expectClose(output.pooledOutput.dataSync(), tf.concat(pooled).dataSync(), { relative: 1e-5, name: 'pooled' })
    expect(model.forward(inputs).hiddenStates).toBeUndefined()
    model.dispose()
  })

  it('has a mean loss over the utterances that have a label', () => {
    const model = new HubertForSequenceClassification(small())
    const inputValues = waves(3, 600)
    const loss = (labels: number[]) =>
      model.forward({ inputValues, labels: tf.tensor1d(labels, 'int32') }).loss!.dataSync()[0]!
    const rows = tf.neg(tf.logSoftmax(model.forward({ inputValues }).logits)).arraySync() as number[][]
    expect(loss([2, 0, 1])).toBeCloseTo((rows[0]![2]! + rows[1]![0]! + rows[2]![1]!) / 3, 5)
    expect(loss([2, -100, 1])).toBeCloseTo((rows[0]![2]! + rows[2]![1]!) / 2, 5)
    expect(loss([-100, -100, -100])).toBe(0)
    model.dispose()
  })

  it('keeps what is frozen out of training', () => {
    const model = new HubertForSequenceClassification(small({ useWeightedLayerSum: true }))
    const trainable = () => [...model.namedParameters()].filter(([, { trainable }]) => trainable).map(([name]) => name)
    const all = trainable()
    model.freezeFeatureEncoder()
    expect(all.filter((name) => !trainable().includes(name)).every((name) => /feature_extractor/.test(name))).toBe(true)
    expect(trainable().some((name) => name.startsWith('hubert.encoder.'))).toBe(true)
    model.freezeBaseModel()
    expect(trainable().sort()).toEqual([
      'classifier.bias',
      'classifier.weight',
      'layer_weights',
      'projector.bias',
      'projector.weight',
    ])
    model.dispose()
  })

  it('is as wide as there are names of classes, which a configuration keeps', () => {
    const config = small()
    const json = JSON.parse(JSON.stringify(writeHubertConfig(config))) as Record<string, unknown>
    expect(json).toMatchObject({
      id2label: { 0: 'low', 1: 'middle', 2: 'high' },
      label2id: { low: 0, middle: 1, high: 2 },
    })
    expect(json).not.toHaveProperty('num_labels')
    expect(readHubertConfig(json)).toEqual({ ...config, extra: expect.anything() })
    expect(writeHubertConfig(small({ id2label: ['LABEL_0', 'LABEL_1'] }))).not.toHaveProperty('id2label')
    expect(readHubertConfig({ num_labels: 4 }).id2label).toHaveLength(4)
    expect(() => small({ id2label: [] })).toThrow('id2label is []')
  })
})

/** A tone of one of three pitches, with noise, of 0.05 s or more. */
const tone = (seed: number): Recording => {
  const rng = new HostRng(seed, 'tone')
  const pitch = seed % 3
  const waveform = Float32Array.from(
    { length: 500 + 40 * (seed % 5) },
    (_, i) => Math.sin(2 * Math.PI * 0.02 * 2 ** pitch * i + seed) + 0.3 * rng.normal(),
  )
  return {
    path: `${seed}.wav`,
    samples: waveform.length,
    waveform,
    fields: { pitch: ['low', 'middle', 'high'][pitch]! },
  }
}

const engine = enginesUnderTest().at(-1)!

describe(`learning on ${engine}`, () => {
  beforeAll(() => useEngine(engine))

  it('comes to tell tones apart, those that it was not trained on too', async () => {
    const config = small({ useWeightedLayerSum: true, initializerRange: 0.02, maskTimeProb: 0.2, maskTimeLength: 2 })
    const model = new HubertForSequenceClassification(config)
    const objective = new SequenceClassificationObjective(model)
    const [train, test] = [
      Array.from({ length: 24 }, (_, i) => tone(i)),
      Array.from({ length: 12 }, (_, i) => tone(100 + i)),
    ]
    const data = classificationBatches(train, { config, batchSize: 12, seed: 0, label: 'pitch' })
    const held = classificationBatches(test, {
      config,
      batchSize: 12,
      seed: 0,
      label: 'pitch',
      shuffle: false,
      augment: false,
    })
    const evaluate = objectiveEvaluator({ objective, data: held, seed: 0 })
    const before = await evaluate(0)
    expect(before.accuracy).toBeLessThan(0.7)
    const weights = Float32Array.from(model.layerWeights!.dataSync())
    const { history } = await new Trainer({
      model,
      objective,
      data,
      optimizer: { learningRate: 3e-3 },
      clipNorm: 1,
      maxSteps: 80,
      logEvery: 10,
      seed: 0,
    }).run()
    expect(history.at(-1)!.metrics.loss).toBeLessThan(0.1 * history[0]!.metrics.loss!)
    expect(history.at(-1)!.metrics.accuracy).toBe(1)
    expect((await evaluate(0)).accuracy).toBe(1)
    const classifier = new SequenceClassifier(model, { batchSize: 5, padToMultipleOf: 700 })
    const found = await classifier.classify(test.map(({ waveform }) => waveform))
    expect(found.map(({ label }) => label)).toEqual(test.map(({ fields }) => fields!.pitch))
    for (const { id, probability, probabilities } of found) {
      expect(probability).toBe(probabilities[id])
      expect(probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5)
    }
    await expect(classifier.classify([new Float32Array(20)])).rejects.toThrow('20 samples')
    classifier.dispose()
    expect(model.layerWeights!.dataSync()).not.toEqual(weights)
    model.dispose()
  }, 300_000)
})
