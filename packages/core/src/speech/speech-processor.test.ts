import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AudioError, CheckpointError, ConfigError, DataError } from '@babble/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CtcTokenizer } from './ctc-tokenizer'
import { normalizeWaveform, SpeechFeatureExtractor } from './feature-extractor'
import { SpeechProcessor } from './speech-processor'

const letters = new CtcTokenizer({
  '<pad>': 0,
  '<s>': 1,
  '</s>': 2,
  '<unk>': 3,
  '|': 4,
  A: 5,
  B: 6,
  CH: 7,
  C: 8,
  H: 9,
})
const digits = CtcTokenizer.fromTexts(['one two', 'two three'], { units: 'words' })

describe('CtcTokenizer', () => {
  // Expected ids are those of Transformers 5.23 on the same vocabulary.
  it.each([
    ['AB CH', [5, 6, 7]],
    ['A  B', [5, 4, 4, 6]],
    [' CH A', [7, 5]],
    ['CHCH', [7, 7]],
    ['CHH', [7, 9]],
    ['A CH B', [5, 7, 6]],
  ])('encodes %j as Hugging Face does', (text, ids) => {
    expect([...letters.encode(text)]).toEqual(ids)
  })

  it('refuses units outside the vocabulary by name, or makes them unknown when asked', () => {
    expect(() => letters.encode('AxBy', { file: 'clip.wav' })).toThrow(DataError)
    expect(() => letters.encode('AxBy', { file: 'clip.wav' })).toThrow(/clip\.wav.*"x", "y"/)
    expect([...letters.encode('ABxCH', { unknown: 'token' })]).toEqual([5, 6, 3, 7])
  })

  it('joins repeats, and keeps equal letters apart that have a blank between them', () => {
    expect(letters.decode([5, 5, 0, 5, 4, 4, 7, 7, 0, 0, 4, 3, 2])).toBe('AA CH <unk></s>')
    expect(letters.decode([5, 5, 0, 5, 4, 4, 7, 7, 0, 0, 4, 3, 2], { skipSpecialTokens: true })).toBe('AA CH')
    expect(letters.decode([])).toBe('')
    expect(letters.decode([0, 0])).toBe('')
  })

  it('reads labels back without joining repeats', () => {
    expect(letters.decode([5, 5, 4, 6, -100, -100], { groupTokens: false })).toBe('AA B')
  })

  it('tells the frames of words', () => {
    expect(letters.decodeWords([5, 5, 0, 5, 4, 4, 7, 7, 0, 0, 4, 6])).toEqual([
      { word: 'AA', startFrame: 0, endFrame: 4 },
      { word: 'CH', startFrame: 6, endFrame: 8 },
      { word: 'B', startFrame: 11, endFrame: 12 },
    ])
  })

  it('has whole words as units', () => {
    expect(digits.vocabJson()).toEqual({ '<pad>': 0, '<unk>': 1, one: 2, three: 3, two: 4 })
    expect([...digits.encode(' two  one ')]).toEqual([4, 2])
    expect(digits.decode([4, 4, 0, 4, 2])).toBe('two two one')
    expect(digits.decodeWords([4, 4, 0, 4, 2]).map(({ startFrame, endFrame }) => [startFrame, endFrame])).toEqual([
      [0, 2],
      [3, 4],
      [4, 5],
    ])
    expect(() => digits.encode('four')).toThrow(/"four"/)
  })

  it('takes lower case for an upper-case vocabulary', () => {
    const tokenizer = CtcTokenizer.fromTexts(['ab a'], { doLowerCase: true })
    expect([...tokenizer.vocab.keys()]).toEqual(['<pad>', '<unk>', '|', 'A', 'B'])
    expect(tokenizer.decode(tokenizer.encode('ab a'))).toBe('ab a')
  })

  it('chooses one of several languages', () => {
    const nested = { eng: { '<pad>': 0, a: 1 }, fra: { '<pad>': 0, b: 1 } }
    expect([...CtcTokenizer.fromJson(nested, { target_lang: 'fra' }).encode('b')]).toEqual([1])
    expect(() => CtcTokenizer.fromJson(nested)).toThrow(/target_lang/)
  })

  it('refuses a vocabulary without its blank, or with an id twice', () => {
    expect(() => new CtcTokenizer({ a: 0 })).toThrow(ConfigError)
    expect(() => new CtcTokenizer({ '<pad>': 0, a: 0 })).toThrow(/share the id 0/)
  })
})

describe('SpeechFeatureExtractor', () => {
  const extractor = new SpeechFeatureExtractor()
  const ramp = Float32Array.from({ length: 50 }, (_, at) => 3 + at / 10)

  it('normalises each utterance over its own samples and pads with zeros', () => {
    const { inputValues, attentionMask } = extractor.extract([ramp, ramp.subarray(0, 20)])
    const row = [...inputValues.data.subarray(50, 70)]
    const mean = row.reduce((sum, value) => sum + value, 0) / 20
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 20
    expect(mean).toBeCloseTo(0, 6)
    expect(variance).toBeCloseTo(1, 5)
    expect([...inputValues.data.subarray(70)]).toEqual(new Array(30).fill(0))
    expect([...attentionMask!.data]).toEqual([...new Array(70).fill(1), ...new Array(30).fill(0)])
    expect(inputValues.shape).toEqual([2, 50])
  })

  it('has the references 1e-7 under the root', () => {
    const quiet = Float32Array.of(1e-4, -1e-4)
    expect(normalizeWaveform(quiet)[0]).toBeCloseTo(1e-4 / Math.sqrt(1e-8 + 1e-7), 6)
  })

  it('can take padding into the statistics, as Hugging Face does without an attention mask', () => {
    const { inputValues } = extractor.extract([ramp, ramp.subarray(0, 20)], { statistics: 'padded' })
    expect(inputValues.data[99]).toBeLessThan(-0.5)
  })

  it('refuses empty waveforms, samples that are not numbers and another sampling rate', () => {
    expect(() => extractor.extract([new Float32Array(0)])).toThrow(AudioError)
    expect(() => extractor.extract([Float32Array.of(0, Number.NaN)], { files: ['a.wav'] })).toThrow(
      /a\.wav: sample 1 is NaN/,
    )
    expect(() => extractor.extract([ramp], { samplingRate: 8000 })).toThrow(/8000 Hz/)
  })
})

describe('SpeechProcessor', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'processor-'))
  })
  afterAll(() => rm(dir, { recursive: true }))

  it('comes back from its directory as it was', async () => {
    const processor = new SpeechProcessor(new SpeechFeatureExtractor({ doNormalize: false }), digits)
    await processor.savePretrained(dir)
    const loaded = await SpeechProcessor.fromPretrained(dir)
    expect(loaded.files()).toEqual(processor.files())
    expect([...loaded.encode('three one')]).toEqual([3, 2])
  })

  it('reads the nested processor_config.json of Transformers 5', async () => {
    const nested = join(dir, 'nested')
    await new SpeechProcessor(new SpeechFeatureExtractor(), letters).savePretrained(nested)
    await rm(join(nested, 'preprocessor_config.json'))
    await writeFile(
      join(nested, 'processor_config.json'),
      '{"feature_extractor": {"sampling_rate": 8000, "return_attention_mask": true}}',
    )
    const { featureExtractor } = await SpeechProcessor.fromPretrained(nested)
    expect(featureExtractor).toMatchObject({ samplingRate: 8000, returnAttentionMask: true })
  })

  it('says what a directory without a vocabulary lacks', async () => {
    await expect(SpeechProcessor.fromPretrained(join(dir, 'nowhere'))).rejects.toThrow(CheckpointError)
    await expect(SpeechProcessor.fromPretrained(join(dir, 'nowhere'))).rejects.toThrow(/vocab\.json/)
  })
})
