import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Codebook, collapseUnits, type FeatureFrames, HostRng, Initializer, unitSource } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hubertTiny } from './config'
import { loadHubertFeatures } from './features'
import { HubertModel } from './model'

const noise = (seed: number, length: number): Float32Array => {
  const rng = new HostRng(seed, 'noise')
  return Float32Array.from({ length }, () => 0.1 * rng.normal())
}

const largestDifference = (a: FeatureFrames, b: FeatureFrames): number => {
  expect([a.frames, a.dim]).toEqual([b.frames, b.dim])
  return a.data.reduce((most, value, at) => Math.max(most, Math.abs(value - b.data[at]!)), 0)
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-hubert-features-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe.each(enginesUnderTest())('features of a layer, on %s', (engine) => {
  beforeAll(async () => {
    await useEngine(engine)
    const model = new HubertModel(hubertTiny({ numHiddenLayers: 2, initializerRange: 0.1 }), new Initializer(1))
    await model.savePretrained(folder)
    model.dispose()
  })
  const short = noise(1, 7000)
  const long = noise(2, 30_000)

  it('do not depend on the recordings that are extracted along with it, in a model with group norm', async () => {
    const source = await loadHubertFeatures(folder, { layer: 1, batchSize: 2 })
    expect(source).toMatchObject({ name: 'hubert layer 1', dim: 128, hopSamples: 320, sampleRate: 16_000 })
    const [alone] = await source.extract([short])
    const [, beside] = await source.extract([long, short])
    expect(alone!.frames).toBe(21)
    expect(largestDifference(alone!, beside!)).toBeLessThan(1e-4)
    source.dispose()
  })

  it('become units in one program: the labels that a codebook gives them', async () => {
    const features = await loadHubertFeatures(folder, { batchSize: 4 })
    const found = await features.extract([long, short])
    const codebook = new Codebook(found[0]!.data.slice(0, 20 * 128), 128)
    const expected = await Promise.all(found.map((frames) => codebook.label(frames)))
    const units = unitSource(features, codebook)
    const labels = await units.label([long, short])
    expect(labels.map((row) => [...row])).toEqual(expected.map((row) => [...row]))
    expect(labels.map(({ length }) => length)).toEqual([93, 21])
    expect([...collapseUnits(labels[0]!).units.subarray(0, 20)]).toEqual(Array.from({ length: 20 }, (_, unit) => unit))
    units.dispose()
  })

  it('are those of its pieces, in a long recording', async () => {
    const source = await loadHubertFeatures(folder, { batchSize: 4, longestSeconds: 1 })
    // Of 50 frames each: 125 frames in all, of which the last 25 are a piece of their own.
    const recording = noise(3, 400 + 124 * 320)
    const [whole, beside] = await source.extract([recording, short])
    expect([whole!.frames, beside!.frames]).toEqual([125, 21])
    const mean = recording.reduce((sum, value) => sum + value, 0) / recording.length
    const power = recording.reduce((sum, value) => sum + (value - mean) ** 2, 0) / recording.length
    const normalised = recording.map((value) => (value - mean) / Math.sqrt(power + 1e-7))
    // A piece in itself is not normalised anew.
    const model = await HubertModel.fromPretrained(folder, { config: { groupNormPadding: 'masked' } })
    for (const [first, frames] of [
      [0, 50],
      [50, 50],
      [100, 25],
    ] as const) {
      const samples = normalised.slice(first * 320, first * 320 + (frames - 1) * 320 + 400)
      const input = tf.tensor2d(samples, [1, samples.length])
      const data = model.forward({ inputValues: input }).lastHiddenState.dataSync() as Float32Array
      const own = { data: whole!.data.slice(first * 128, (first + frames) * 128), frames, dim: 128 }
      expect(largestDifference(own, { data, frames, dim: 128 })).toBeLessThan(1e-4)
    }
    const codebook = new Codebook(whole!.data.slice(40 * 128, 60 * 128), 128)
    const units = unitSource(source, codebook)
    expect([...(await units.label([recording]))[0]!]).toEqual([...(await codebook.label(whole!))])
    model.dispose()
    units.dispose()
  })

  it('name the layers that there are', async () => {
    await expect(loadHubertFeatures(folder, { layer: 3 })).rejects.toThrow(
      'there is no layer 3. Layers are 0 (what the Transformer is given) to 2 (its output).',
    )
  })
})
