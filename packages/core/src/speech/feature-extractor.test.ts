import { fileURLToPath } from 'node:url'
import { readSafetensors } from '@babble/core'
import { expectClose } from '@babble/core/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { SpeechFeatureExtractor } from './feature-extractor'

// Hugging Face's SpeechFeatureExtractor on two recordings of 16,000 and 11,200 samples, see the fixture's README.
const fixture = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/audio-features/${name}.safetensors`, import.meta.url))
const waveforms: Float32Array[] = []
beforeAll(async () => {
  const { tensors } = await readSafetensors(fixture('inputs'))
  for (const name of ['float', 'second']) waveforms.push(tensors.get(name)!.data as Float32Array)
})
const expected = async (name: string) => (await readSafetensors(fixture('expected'))).tensors.get(name)!

describe('SpeechFeatureExtractor', () => {
  // The reference sums in float32; values are up to 4.
  it('normalises each recording over its own samples and leaves padding at zero', async () => {
    const { inputValues, attentionMask } = new SpeechFeatureExtractor().extract(waveforms)
    const reference = await expected('wav2vec2_norm_masked')
    expect(inputValues.shape).toEqual(reference.shape)
    expectClose(inputValues.data as Float32Array, reference.data as Float32Array, { relative: 0, absolute: 2e-6 })
    const mask = await expected('wav2vec2_norm_mask')
    expect(attentionMask!.shape).toEqual(mask.shape)
    expect(attentionMask!.data).toEqual(mask.data)
  })

  it('normalises over the padding too where Hugging Face does: without an attention mask', async () => {
    const extractor = new SpeechFeatureExtractor({ returnAttentionMask: false })
    const { inputValues, attentionMask } = extractor.extract(waveforms, { statistics: 'padded' })
    const reference = await expected('wav2vec2_norm_unmasked')
    expectClose(inputValues.data as Float32Array, reference.data as Float32Array, { relative: 0, absolute: 2e-6 })
    expect(attentionMask).toBeUndefined()
  })
})
