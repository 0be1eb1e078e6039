import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  type CtcSpecification,
  parseSpecification,
  SpecificationError,
  utteranceLengths,
  withoutDropout,
} from './specification'

const optimizer = { clipNorm: 1, learningRate: 1e-5, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0 }
const pretraining = {
  name: 'toy',
  task: 'pretraining',
  model: { hidden_size: 8 },
  batch: { size: 3, seconds: 2, sampleRate: 100 },
  training: { ...optimizer, gumbelTemperature: 2 },
}
const maskedPrediction = {
  ...pretraining,
  task: 'masked-prediction',
  training: { ...optimizer, featureGradMult: 0.1, featurePenaltyWeight: 0 },
}
const ctc = {
  ...pretraining,
  task: 'ctc',
  batch: { ...pretraining.batch, shortestSeconds: 1, labels: 4 },
  training: { ...optimizer, freezeFeatureEncoder: true },
}
const parse = (value: unknown) => parseSpecification(JSON.stringify(value), 'toy.json')

describe('parseSpecification', () => {
  it('takes all tasks, each with what it needs', () => {
    expect(parse(pretraining)).toEqual(pretraining)
    expect(parse(maskedPrediction)).toEqual(maskedPrediction)
    expect(parse(ctc)).toEqual(ctc)
  })

  it.each([
    [
      { ...pretraining, task: 'asr' },
      /toy\.json: "task" is "asr"; it must be "pretraining", "masked-prediction" or "ctc"/,
    ],
    [{ ...pretraining, name: undefined }, /"name" is missing/],
    [{ ...pretraining, model: [] }, /"model" is \[\]; it must be an object/],
    [{ ...pretraining, batch: { ...pretraining.batch, size: 0 } }, /"batch.size" is 0/],
    [{ ...pretraining, training: optimizer }, /"training.gumbelTemperature" is missing/],
    [{ ...pretraining, training: { ...pretraining.training, betas: [0.9, 1] } }, /"training.betas"/],
    [
      { ...maskedPrediction, training: optimizer },
      /"training.featureGradMult" is missing; it must be a number above 0/,
    ],
    [{ ...ctc, training: optimizer }, /"training.freezeFeatureEncoder" is missing; it must be true or false/],
    [
      { ...ctc, batch: { ...ctc.batch, shortestSeconds: 3 } },
      /"batch.shortestSeconds" is 3; it must be at most "seconds" \(2\)/,
    ],
    [null, /toy\.json: it must be an object/],
  ])('names the field that is wrong (%#)', (value, message) => {
    expect(() => parse(value)).toThrow(message)
  })

  it('is an error of its own kind, for text that is not JSON too', () => {
    expect(() => parseSpecification('{', 'toy.json')).toThrow(SpecificationError)
    expect(() => parseSpecification('{', 'toy.json')).toThrow('toy.json')
  })

  it.each(['wav2vec2-base', 'wav2vec2-base-ctc', 'hubert-base'])(
    'takes configs/%s.json, which is named after itself',
    (name) => {
      const path = fileURLToPath(new URL(`../configs/${name}.json`, import.meta.url))
      expect(parseSpecification(readFileSync(path, 'utf8'), path).name).toBe(name)
    },
  )
})

describe('withoutDropout', () => {
  it('turns off dropout and LayerDrop of any name, and leaves the rest as it is', () => {
    const model = { hidden_size: 8, hidden_dropout: 0.1, feat_quantizer_dropout: 0.1, layerdrop: 0.05, conv_dim: [4] }
    const specification = parse({ ...maskedPrediction, model })
    expect(withoutDropout(specification)).toEqual({
      ...specification,
      model: { hidden_size: 8, hidden_dropout: 0, feat_quantizer_dropout: 0, layerdrop: 0, conv_dim: [4] },
    })
  })
})

describe('utteranceLengths', () => {
  it('is the same for all in pre-training, and falls in equal steps in fine-tuning', () => {
    expect(utteranceLengths(parse(pretraining))).toEqual([200, 200, 200])
    expect(utteranceLengths(parse(ctc))).toEqual([200, 150, 100])
    const one = { ...ctc, batch: { ...ctc.batch, size: 1 } }
    expect(utteranceLengths(parse(one) as CtcSpecification)).toEqual([200])
  })
})
