// The whole way: labels of clusters, batches, objective, trainer. On the fastest engine at hand.
import { HostRng, labelsInMemory, type Recording, Trainer } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { hubertTiny } from './config'
import { hubertPretrainingBatches } from './data/pretraining-batches'
import { HubertForPreTraining } from './heads/pretraining'
import { HubertPretrainingObjective } from './objective'

const tones = 4

/** Tones of half a tenth of a second that follow one another by a rule, so that a hidden one can be told from its neighbours. */
const melody = (seed: number): { recording: Recording; labels: number[] } => {
  const rng = new HostRng(seed, 'melody')
  const length = 400
  let tone = rng.int(tones)
  const waveform = new Float32Array(12 * length)
  const labels: number[] = []
  for (let note = 0; note < 12; note++) {
    for (let i = 0; i < length; i++) {
      waveform[note * length + i] = Math.sin(2 * Math.PI * 0.03 * 2 ** tone * i) + 0.02 * rng.normal()
    }
    // A label for each frame of 80 samples.
    labels.push(...new Array<number>(length / 80).fill(tone))
    tone = (tone + 1) % tones
  }
  return { recording: { path: `${seed}.wav`, samples: waveform.length, waveform }, labels }
}

const engine = enginesUnderTest().at(-1)!

describe(`learning on ${engine}`, () => {
  beforeAll(() => useEngine(engine))

  it('comes to predict the labels of masked frames', async () => {
    const melodies = Array.from({ length: 16 }, (_, seed) => melody(seed))
    const config = hubertTiny({
      hiddenSize: 32,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 64,
      convDim: [16, 16, 16],
      convKernel: [10, 4, 4],
      convStride: [5, 4, 4],
      numConvPosEmbeddings: 9,
      numConvPosEmbeddingGroups: 4,
      featExtractNorm: 'layer',
      convBias: true,
      doStableLayerNorm: true,
      hiddenDropout: 0,
      attentionDropout: 0,
      featProjDropout: 0,
      finalDim: 16,
      maskTimeProb: 0.4,
      maskTimeLength: 4,
      numClasses: [tones],
      labelRate: 200,
    })
    const model = new HubertForPreTraining(config)
    const recordings = melodies.map(({ recording }) => recording)
    const source = await hubertPretrainingBatches(recordings, [labelsInMemory(melodies.map(({ labels }) => labels))], {
      config,
      batchSize: 8,
      seed: 1,
    })
    const { history } = await new Trainer({
      model,
      objective: new HubertPretrainingObjective(model, { featureGradMult: 1, featurePenaltyWeight: 0 }),
      data: source,
      optimizer: { learningRate: 4e-3, betas: [0.9, 0.98], eps: 1e-6 },
      clipNorm: 5,
      maxSteps: 150,
      logEvery: 10,
      seed: 0,
    }).run()
    const [first, last] = [history[0]!.metrics, history.at(-1)!.metrics]
    expect(first.maskedAccuracy).toBeLessThan(0.6)
    expect(last.maskedAccuracy).toBeGreaterThan(0.9)
    expect(last.maskedLoss).toBeLessThan(0.4 * first.maskedLoss!)
    model.dispose()
  }, 300_000)
})
