import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HostRng, openStages, type ProgressListener, readRunLog, readStages } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { type Corpus, type CorpusParts, type DigitRecording, digitWords, type Split } from '@babble/example-common'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RecipeOptions, runRecipe } from './recipe'
import { exampleSettings, type Settings } from './settings'

const full = exampleSettings(true)
const settings: Settings = {
  ...full,
  corpus: { ...full.corpus, seconds: 0.5 },
  clusters: 5,
  refinedClusters: 4,
  layer: 1,
  encoder: {
    ...full.encoder,
    convDim: [4, 4, 4],
    convStride: [5, 4, 8],
    convKernel: [10, 4, 8],
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 8,
    numConvPosEmbeddings: 5,
    numConvPosEmbeddingGroups: 2,
  },
  iterations: [6, 6],
}

/** A tone for each digit: two takes in each split. */
const takes = (split: Split): DigitRecording[] =>
  digitWords.flatMap((text, digit) =>
    [0, 1].map((take) => {
      const rng = new HostRng(take, split, digit)
      const waveform = Float32Array.from(
        { length: 1600 },
        (_, i) => Math.sin(i * (0.1 + 0.2 * digit)) + 0.1 * rng.normal(),
      )
      return { path: `${split}/${text}_${take}.wav`, text, speaker: split, waveform, samples: 1600 }
    }),
  )
const parts: CorpusParts = { train: takes('train'), valid: takes('valid'), test: takes('test') }
const corpus: Corpus = {
  clips: Object.entries(parts).flatMap(([split, clips]) => clips.map((clip) => ({ ...clip, split: split as Split }))),
  source: 'tones',
  synthetic: true,
}

let directory: string
beforeAll(async () => {
  await useEngine(enginesUnderTest().at(-1)!)
  directory = await mkdtemp(join(tmpdir(), 'babble-hubert-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** Works until it is told to stop, or the second iteration would begin. @returns what it has said. */
const runOnce = async (signal: AbortSignal, onProgress: ProgressListener): Promise<string[]> => {
  const notes: string[] = []
  const listener = { note: (text: string) => notes.push(text), progress: () => {} }
  const stages = await openStages(directory, { listener, signal })
  const options: RecipeOptions = {
    settings,
    seed: 1,
    corpus,
    load: async () => parts,
    onProgress,
    heading: (text) => {
      if (text === 'Second iteration') throw new Error('enough')
    },
  }
  await runRecipe(stages, options).catch(() => {})
  await stages.close()
  return notes.filter((note) => / (begins|goes on|done)/.test(note)).map((note) => note.replace(/,? in [\d:]+/, ''))
}

describe('the recipe', () => {
  it('goes on where it was interrupted: after the last finished stage, in training at its last update', async () => {
    const controller = new AbortController()
    const first = await runOnce(controller.signal, ({ step }) => {
      if (step === 3) controller.abort()
    })
    expect(first.at(-1)).toBe('HuBERT, iteration 1: 6 updates: begins (iteration-1).')
    const steps: number[] = []
    const second = await runOnce(new AbortController().signal, ({ step }) => {
      steps.push(step)
    })
    expect(second).toEqual([
      'Strings of digits: done before (corpus).',
      'MFCC: done before (mfcc).',
      '5 clusters of MFCC: done before (mfcc-clusters).',
      'HuBERT, iteration 1: 6 updates: goes on (iteration-1).',
      'HuBERT, iteration 1: 6 updates: done (iteration-1).',
      'Features of layer 1: begins (features-1).',
      'Features of layer 1: done (features-1).',
      '5 clusters of layer 1: begins (clusters-1).',
      '5 clusters of layer 1: done (clusters-1).',
      '4 clusters of layer 1: begins (labels-2).',
      '4 clusters of layer 1: done (labels-2).',
    ])
    expect(steps[0]).toBeGreaterThan(3)
    expect(steps.at(-1)).toBe(6)
    expect(readRunLog(join(directory, 'iteration-1', 'run')).at(-1)).toMatchObject({ kind: 'train', step: 6 })
  })

  it('gives clusters that tell tones apart', async () => {
    const { stages } = await readStages(directory)
    const clusters = stages.find(({ name }) => name === 'mfcc-clusters')!.result as unknown as {
      quality: { valid: { purity: number } }
    }
    // Five clusters of ten tones.
    expect(clusters.quality.valid.purity).toBeGreaterThan(0.3)
  })
})
