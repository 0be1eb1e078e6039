import {
  ConfigError,
  CtcRecognizer,
  CtcTokenizer,
  HostRng,
  labelsOf,
  loadEngine,
  SpeechFeatureExtractor,
  SpeechProcessor,
  spelledLexicon,
  trainNgram,
  transcriptDecoder,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { wav2vec2Tiny } from '../config'
import { Wav2Vec2ForCTC } from './ctc'

const tokenizer = CtcTokenizer.fromTexts(['ab c'])
const idOf = (token: string) => tokenizer.vocab.get(token)!

/** Log probabilities of frames that say tokens with the given probabilities; what is left goes to all. */
const saying = (frames: readonly Record<string, number>[], by = tokenizer): Float32Array => {
  const size = by.vocabSize
  return Float32Array.from(
    frames.flatMap((frame) => {
      const row = new Array<number>(size).fill(0.001)
      for (const [token, p] of Object.entries(frame)) row[by.vocab.get(token)!] = p
      const sum = row.reduce((total, p) => total + p, 0)
      return row.map((p) => Math.log(p / sum))
    }),
  )
}

describe('transcriptDecoder', () => {
  const heard = saying([{ a: 1 }, { '<pad>': 1 }, { '|': 1 }, { a: 0.6, c: 0.4 }, { b: 1 }])

  it('writes words as the tokenizer does, with their frames', () => {
    expect(transcriptDecoder(tokenizer, {})(heard)).toEqual({
      text: 'a ab',
      words: [
        { word: 'a', startFrame: 0, endFrame: 1 },
        { word: 'ab', startFrame: 3, endFrame: 5 },
      ],
    })
    expect(transcriptDecoder(tokenizer, { timestamps: false })(heard).words).toEqual([])
  })

  it('hears what a language model, a lexicon or hot words make likelier', () => {
    const model = trainNgram(['a cb', 'cb a'], { order: 2 })
    expect(transcriptDecoder(tokenizer, { languageModel: model })(heard).text).toBe('a cb')
    const lexicon = spelledLexicon(['a', 'cb'], labelsOf(tokenizer))
    expect(transcriptDecoder(tokenizer, { lexicon })(heard).text).toBe('a cb')
    const { alternatives } = transcriptDecoder(tokenizer, { hotWords: ['cb'], nBest: 2 })(heard)
    expect(alternatives!.map(({ text }) => text)).toEqual(['a cb', 'a ab'])
    expect(alternatives![0]!.score).toBeGreaterThan(alternatives![1]!.score)
    expect(alternatives![0]!.acousticScore).toBeLessThan(alternatives![1]!.acousticScore)
  })

  it('never writes special tokens', () => {
    expect(transcriptDecoder(tokenizer, {})(saying([{ a: 1 }, { '<unk>': 0.9, b: 0.1 }])).text).toBe('ab')
  })

  it('writes lower case where the tokenizer does, for models in lower case', () => {
    const upper = CtcTokenizer.fromTexts(['ab'], { doLowerCase: true })
    expect(idOf('A')).toBeUndefined()
    const languageModel = trainNgram(['ab', 'ab ab'], { order: 2 })
    expect(transcriptDecoder(upper, { languageModel })(saying([{ A: 1 }, { B: 1 }], upper)).text).toBe('ab')
  })

  it('reads units that are words, with a model of them, or makes words of them by a lexicon', () => {
    const phonemes = CtcTokenizer.fromTexts(['AH B K'], { units: 'words' })
    const heardPhonemes = saying([{ K: 1 }, { AH: 0.5, B: 0.45 }, { B: 1 }], phonemes)
    const languageModel = trainNgram(['K AH B', 'K AH B K'], { order: 3 })
    expect(transcriptDecoder(phonemes, { languageModel })(heardPhonemes)).toEqual({
      text: 'K AH B',
      words: ['K', 'AH', 'B'].map((word, i) => ({ word, startFrame: i, endFrame: i + 1 })),
    })
    const lexicon = [
      { word: 'cub', tokens: ['K', 'AH', 'B'].map((unit) => phonemes.vocab.get(unit)!) },
      { word: 'be', tokens: [phonemes.vocab.get('B')!] },
    ]
    expect(transcriptDecoder(phonemes, { lexicon })(heardPhonemes)).toEqual({
      text: 'cub',
      words: [{ word: 'cub', startFrame: 0, endFrame: 3 }],
    })
    expect(() => transcriptDecoder(phonemes, { hotWords: ['cub'] })).toThrow('Hot words are spelled in letters')
  })
})

describe('Wav2Vec2Recognizer', () => {
  beforeAll(() => loadEngine({ backend: 'wasm', quiet: true }))

  it('refuses batches of nothing', () => {
    const model = new Wav2Vec2ForCTC(wav2vec2Tiny({ vocabSize: tokenizer.vocabSize }))
    const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
    for (const options of [{ batchSize: 0 }, { batchSize: 1.5 }, { padToMultipleOf: 0 }]) {
      expect(() => new CtcRecognizer(model, processor, options)).toThrow(ConfigError)
    }
    model.dispose()
  })

  it('searches in the log probabilities of the frames that an utterance has', async () => {
    const rng = new HostRng(1)
    const model = new Wav2Vec2ForCTC(wav2vec2Tiny({ vocabSize: tokenizer.vocabSize }))
    const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
    const waveforms = [4000, 6000, 5000].map((length) => Float32Array.from({ length }, () => rng.normal() * 0.1))
    const decode = transcriptDecoder(tokenizer, {})
    const options = { batchSize: 1, padToMultipleOf: 1 }
    const recognizer = new CtcRecognizer(model, processor, { ...options, decoder: {} })
    const found = await recognizer.transcribe(waveforms)
    for (const [i, waveform] of waveforms.entries()) {
      const { inputValues } = processor.extract([waveform])
      const logProbs = tf.tidy(() => {
        const values = tf.tensor(inputValues.data, [...inputValues.shape])
        const attentionMask = tf.onesLike(values)
        return tf.logSoftmax(model.forward({ inputValues: values, attentionMask }).logits).dataSync()
      })
      expect(found[i]).toEqual(decode(Float32Array.from(logProbs)))
    }
    const padded = new CtcRecognizer(model, processor, {
      batchSize: 4,
      padToMultipleOf: 1000,
      decoder: { nBest: 3 },
    })
    for (const { words, alternatives } of await padded.transcribe(waveforms)) {
      expect(alternatives!.length).toBeGreaterThan(1)
      for (const { endFrame } of words) expect(endFrame).toBeLessThanOrEqual(19)
    }
    recognizer.dispose()
    padded.dispose()
    model.dispose()
  })
})
