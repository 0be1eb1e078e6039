import { describe, expect, it } from 'vitest'
import type { Recording } from '../../data/index'
import { ConfigError, DataError } from '../../errors'
import { type SpeechEncoderConfig, speechEncoderDefaults } from '../speech-encoder-config'
import { type ClassificationBatchesOptions, classificationBatches } from './classification-batches'

const config: SpeechEncoderConfig = {
  ...speechEncoderDefaults,
  hiddenSize: 16,
  convKernel: [10, 4],
  convStride: [5, 4],
  convDim: [8, 8],
  id2label: ['low', 'high'],
  maskTimeProb: 0.4,
  maskTimeLength: 2,
  maskFeatureProb: 0.5,
  maskFeatureLength: 4,
}

const recording = (name: string, samples: number, fields: Record<string, string>): Recording => ({
  path: `${name}.wav`,
  samples,
  waveform: Float32Array.from({ length: samples }, (_, i) => Math.sin(i * samples)),
  fields,
})

const recordings = [
  recording('a', 300, { pitch: 'low' }),
  recording('b', 420, { pitch: 'high' }),
  recording('c', 380, { pitch: 'high' }),
  recording('d', 500, { pitch: 'low' }),
]

const source = (more: Partial<ClassificationBatchesOptions> = {}, data = recordings) =>
  classificationBatches(data, { config, batchSize: 4, seed: 3, shuffle: false, label: 'pitch', ...more })

describe('classification batches', () => {
  it('have whole, normalised utterances, their padding, and the number of the class that a column names', async () => {
    const { inputValues, attentionMask, labels } = await source().batch(0, 0)
    expect(inputValues.shape).toEqual([4, 500])
    expect(labels).toMatchObject({ shape: [4], dtype: 'int32' })
    expect([...labels.data]).toEqual([0, 1, 1, 0])
    const counts = [0, 1, 2, 3].map((row) =>
      [...attentionMask.data.slice(row * 500, row * 500 + 500)].reduce((sum, on) => sum + on),
    )
    expect(counts).toEqual([300, 420, 380, 500])
    const first = [...inputValues.data.slice(0, 300)]
    expect(first.reduce((a, b) => a + b) / 300).toBeCloseTo(0, 5)
    expect(first.reduce((a, b) => a + b * b, 0) / 300).toBeCloseTo(1, 4)
    expect([...inputValues.data.slice(300, 500)].every((sample) => sample === 0)).toBe(true)
  })

  it('take the class from a function, as name or number', async () => {
    const named = await source({ label: ({ path }) => (path === 'd.wav' ? 'high' : 'low') }).batch(0, 0)
    expect([...named.labels.data]).toEqual([0, 0, 0, 1])
    const numbered = await source({ label: ({ samples }) => (samples! > 400 ? 1 : 0) }).batch(0, 0)
    expect([...numbered.labels.data]).toEqual([0, 1, 0, 1])
  })

  it('are masked as the configuration says, the same each time, and not for evaluation', async () => {
    const [once, again] = [await source().batch(2, 0), await source().batch(2, 0)]
    expect(Object.keys(once).sort()).toEqual([
      'attentionMask',
      'inputValues',
      'labels',
      'maskFeatureIndices',
      'maskTimeIndices',
    ])
    expect(again).toEqual(once)
    expect(once.maskTimeIndices!.shape).toEqual([4, 24])
    expect((await source().batch(3, 0)).maskTimeIndices).not.toEqual(once.maskTimeIndices)
    expect(Object.keys(await source({ augment: false }).batch(0, 0)).sort()).toEqual([
      'attentionMask',
      'inputValues',
      'labels',
    ])
  })

  it('are shared by processes: each has its rows of the whole batch, masks and all', async () => {
    const whole = await source().batch(0, 0)
    const rank = await source({ rank: 1, worldSize: 2 }).batch(0, 0)
    for (const [name, { data, shape }] of Object.entries(whole)) {
      const half = data.length / 2
      expect(rank[name]!.shape).toEqual([2, ...shape.slice(1)])
      expect([...rank[name]!.data], name).toEqual([...data.slice(half)])
    }
  })

  it('name the recording whose label is missing or is no class', () => {
    expect(() => source({ label: 'speaker' })).toThrow(DataError)
    expect(() => source({ label: 'speaker' })).toThrow(/a\.wav.*it has no speaker/)
    expect(() => source({ label: 'toString' })).toThrow('it has no toString')
    const other = [...recordings, recording('e', 300, { pitch: 'middle' })]
    expect(() => source({}, other)).toThrow(/e\.wav.*"middle".*low, high/)
    expect(() => source({ label: () => 2 })).toThrow('classes 0 to 1')
    expect(() => source({ label: () => 0.5 })).toThrow('its label is 0.5')
    expect(() => source({ config: { ...config, id2label: ['low', 'low'] } })).toThrow(ConfigError)
  })
})
