// The whole way: recordings, batches, objective, trainer, transcripts. On the fastest engine at hand.
import {
  CtcObjective,
  CtcRecognizer,
  CtcTokenizer,
  ctcBatches,
  errorRateEvaluator,
  HostRng,
  type Recording,
  SpeechFeatureExtractor,
  SpeechProcessor,
  Trainer,
} from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { wav2vec2Tiny } from './config'
import { pretrainingBatches } from './data/pretraining-batches'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining } from './heads/pretraining'
import { Wav2Vec2PretrainingObjective } from './objective'
import { freezeTransformerUntil } from './recipe'

const letters = ['a', 'b', 'c', 'd']

/** A text "spoken" as tones, one a letter, with a little noise. */
const speak = (text: string, seed: number): Recording => {
  const rng = new HostRng(seed, text)
  const tone = 320
  const waveform = new Float32Array(text.length * tone)
  ;[...text].forEach((letter, at) => {
    const frequency = 0.04 * 2 ** letters.indexOf(letter)
    for (let i = 0; i < tone; i++) {
      waveform[at * tone + i] =
        Math.sin(Math.PI * (i / tone)) * Math.sin(2 * Math.PI * frequency * i) + 0.02 * rng.normal()
    }
  })
  return { path: `${text}.wav`, text, waveform, samples: waveform.length }
}

/** Frames of 80 samples, so that clips of a few hundred samples have enough of them. */
const small = (fields: Parameters<typeof wav2vec2Tiny>[0]) =>
  wav2vec2Tiny({
    hiddenSize: 32,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 64,
    convDim: [16, 16, 16],
    convKernel: [10, 4, 4],
    convStride: [5, 4, 4],
    numConvPosEmbeddings: 5,
    numConvPosEmbeddingGroups: 4,
    hiddenDropout: 0,
    attentionDropout: 0,
    featProjDropout: 0,
    featQuantizerDropout: 0,
    ...fields,
  })

const engine = enginesUnderTest().at(-1)!

describe(`learning on ${engine}`, () => {
  beforeAll(() => useEngine(engine))

  it('overfits a few utterances with CTC and transcribes them exactly', async () => {
    const recordings = ['abcd', 'dcb', 'aab', 'cad'].map((text, seed) => speak(text, seed))
    const tokenizer = CtcTokenizer.fromTexts(recordings.map(({ text }) => text!))
    const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
    const config = small({
      vocabSize: tokenizer.vocabSize,
      featExtractNorm: 'layer',
      convBias: true,
      doStableLayerNorm: true,
      ctcLossReduction: 'mean',
      applySpecAugment: false,
    })
    const model = new Wav2Vec2ForCTC(config)
    const recognizer = new CtcRecognizer(model, processor, { batchSize: 4, padToMultipleOf: 1 })
    const evaluate = errorRateEvaluator(recognizer, recordings)
    expect((await evaluate()).wordErrorRate).toBeGreaterThanOrEqual(1)
    const before = Float32Array.from(model.wav2vec2.featureProjection.projection.weight.dataSync())
    const options = {
      model,
      objective: new CtcObjective(model),
      data: ctcBatches(recordings, processor, { config, batchSize: 4, seed: 0 }),
      optimizer: { learningRate: 4e-3, weightDecay: 0 },
      clipNorm: 1,
      seed: 0,
    }
    await new Trainer({ ...options, maxSteps: 2, parameterGroups: [freezeTransformerUntil(2)] }).run()
    expect(model.wav2vec2.featureProjection.projection.weight.dataSync()).toEqual(before)
    const { history } = await new Trainer({ ...options, maxSteps: 80, logEvery: 10 }).run()
    const { loss, blankShare } = history.at(-1)!.metrics
    expect(loss).toBeLessThan(0.1)
    expect(blankShare).toBeGreaterThan(0.2)
    expect(await evaluate()).toEqual({ wordErrorRate: 0, characterErrorRate: 0 })
    model.dispose()
  }, 300_000)

  it('finds masked targets among distractors better and better in pre-training', async () => {
    const rng = new HostRng(3)
    const recordings = Array.from({ length: 12 }, (_, seed) =>
      speak(Array.from({ length: 5 }, () => letters[rng.int(letters.length)]!).join(''), seed),
    )
    const config = small({
      numNegatives: 10,
      numCodevectorsPerGroup: 16,
      codevectorDim: 16,
      projCodevectorDim: 16,
      maskTimeLength: 4,
    })
    const model = new Wav2Vec2ForPreTraining(config)
    const trainer = new Trainer({
      model,
      objective: new Wav2Vec2PretrainingObjective(model, {
        gumbelTemperature: { decay: 0.99 },
        featurePenaltyWeight: 1,
      }),
      data: pretrainingBatches(recordings, { config, batchSize: 6, seed: 1 }),
      optimizer: { learningRate: 3e-3, betas: [0.9, 0.98], eps: 1e-6 },
      clipNorm: 5,
      maxSteps: 80,
      logEvery: 10,
      seed: 0,
    })
    const { history } = await trainer.run()
    const [first, last] = [history[0]!.metrics, history.at(-1)!.metrics]
    expect(last.contrastiveLoss).toBeLessThan(0.6 * first.contrastiveLoss!)
    expect(last.contrastiveAccuracy).toBeGreaterThan(first.contrastiveAccuracy! + 0.3)
    expect(last.codePerplexity).toBeGreaterThan(4)
    expect(last.temperature).toBeLessThan(first.temperature!)
    model.dispose()
  }, 300_000)
})
