import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { readAudio } from '../audio/index'
import { readSafetensors, type SafetensorsFile } from '../checkpoint/index'
import { expectClose } from '../testing/index'
import type { FeatureFrames } from './feature-frames'
import { kaldiFbank, kaldiMfcc } from './kaldi'
import { triangularMelFilters } from './mel'
import { padFeatures } from './pad'
import { avHubertAudio, beatsFbank, hubertMfcc, speechT5LogMel } from './presets'
import { psfLogFbank, psfMfcc } from './psf'
import { layerNormFrames, layerNormWaveform, stackFrames } from './stack'

const folder = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))
let expected: SafetensorsFile
let exact: SafetensorsFile
let float: Float32Array
let second: Float32Array
let int16: Int16Array
beforeAll(async () => {
  expected = await readSafetensors(folder('audio-features/expected.safetensors'))
  exact = await readSafetensors(folder('front-ends/kaldi-float64.safetensors'))
  const { tensors } = await readSafetensors(folder('audio-features/inputs.safetensors'))
  float = tensors.get('float')!.data as Float32Array
  second = tensors.get('second')!.data as Float32Array
  int16 = tensors.get('int16')!.data as Int16Array
})

const compare = ({ data, frames, dim }: FeatureFrames, file: SafetensorsFile, name: string, absolute: number) => {
  const reference = file.tensors.get(name)!
  expect([frames, dim]).toEqual(reference.shape)
  expectClose(data, reference.data as Float32Array, { relative: 0, absolute, name })
}

const fullScale = 1
const kaldiCases: [string, () => FeatureFrames][] = [
  ['kaldi_fbank80_int16_scale', () => kaldiFbank({ melBins: 80 }).extract(int16)],
  ['kaldi_fbank40_int16_scale', () => kaldiFbank({ melBins: 40 }).extract(float)],
  ['kaldi_fbank80_float_scale', () => kaldiFbank({ melBins: 80, fullScale }).extract(int16)],
  [
    'kaldi_fbank80_hanning_nosnip',
    () => kaldiFbank({ melBins: 80, window: 'hanning', snipEdges: false }).extract(float),
  ],
  ['mfcc13_int16_scale', () => kaldiMfcc().extract(float)],
  ['fairseq_mfcc13', () => kaldiMfcc({ fullScale }).extract(float)],
  ['beats_fbank128', () => beatsFbank().extract(float)],
]

describe('Kaldi front ends (torchaudio.compliance.kaldi)', () => {
  // The reference works in float32: its mel positions near 2,840 are exact to 2.4e-4 / 34 mel of a filter's slope, which in a logarithm
  // of a weak band is up to 2.6e-4, and 3.4e-4 after the DCT. The same source run in float64 is met a hundred times closer.
  it.each([...kaldiCases, ['fairseq_mfcc39', () => hubertMfcc().extract(float)] as (typeof kaldiCases)[number]])(
    '%s: to the rounding of the float32 reference',
    (name, make) => compare(make(), expected, name, 4e-4),
  )

  it.each(kaldiCases)('%s: to 1e-5 of the same reference in float64', (name, make) =>
    compare(make(), exact, name, 1e-5),
  )

  it('agrees with kaldi-native-fbank', () =>
    compare(kaldiFbank({ melBins: 80 }).extract(float), expected, 'knf_fbank80_int16_scale', 2e-4))

  it.each<[string, () => FeatureFrames]>([
    [
      'fbank_energy_htk',
      () => {
        const options = { useEnergy: true, htkCompat: true, rawEnergy: false, subtractMean: true } as const
        return kaldiFbank({ melBins: 30, window: 'hamming', ...options }).extract(float)
      },
    ],
    [
      'fbank_energy_first_magnitude',
      () => {
        const options = { lowHz: 100, highHz: -400, removeDcOffset: false, preemphasis: 0.9 } as const
        return kaldiFbank({ melBins: 24, useEnergy: true, usePower: false, window: 'blackman', ...options }).extract(
          float,
        )
      },
    ],
    [
      'mfcc_energy_htk',
      () => {
        const options = { useEnergy: true, htkCompat: true, cepstralLifter: 0 } as const
        return kaldiMfcc({ coefficients: 12, melBins: 26, ...options }).extract(float)
      },
    ],
    ['mfcc_htk', () => kaldiMfcc({ htkCompat: true, snipEdges: false, energyFloor: 0 }).extract(float)],
    ['mfcc_energy', () => kaldiMfcc({ useEnergy: true, snipEdges: false }).extract(float)],
  ])('%s: to 1e-5 of the reference in float64', (name, make) => compare(make(), exact, name, 1e-5))

  it('fbank_linear_unrounded: energies, by a transform of 320 samples, to 1e-6 of the largest', () => {
    const window = 'rectangular'
    const options = {
      melBins: 24,
      useLog: false,
      roundToPowerOfTwo: false,
      frameLengthMs: 20,
      frameShiftMs: 12.5,
    } as const
    const largest = Math.max(...(exact.tensors.get('fbank_linear_unrounded')!.data as Float32Array))
    compare(kaldiFbank({ window, ...options }).extract(float), exact, 'fbank_linear_unrounded', 1e-6 * largest)
  })
})

describe('python_speech_features', () => {
  // The library works in float64, as we do; only its fixture is rounded to float32.
  it('logfbank: to the last digit of float32', () =>
    compare(psfLogFbank().extract(int16), expected, 'psf_logfbank26', 0))

  it('mfcc: to the last digit of float32, but for zeros', () =>
    compare(psfMfcc().extract(int16), expected, 'psf_mfcc13', 1e-11))

  it('is the same from floats', () => expect(psfMfcc().extract(float)).toEqual(psfMfcc().extract(int16)))
})

describe("AV-HuBERT's audio", () => {
  it('stacks 4 frames, the last filled with rows of zeros', () => {
    compare(avHubertAudio(false).extract(float), expected, 'avhubert_stack104', 0)
    compare(stackFrames(psfLogFbank().extract(int16), 4), expected, 'avhubert_stack104', 0)
  })

  // PyTorch's layer norm sums in float32; values are up to 3.
  it('normalises each frame', () => {
    compare(avHubertAudio().extract(float), expected, 'avhubert_stack104_layernorm', 2e-6)
    compare(layerNormFrames(avHubertAudio(false).extract(float)), expected, 'avhubert_stack104_layernorm', 2e-6)
  })
})

describe("SpeechT5's spectrogram", () => {
  // Both references hold the spectrum in complex64.
  it("meets Hugging Face's and the original's to 1e-6", () => {
    compare(speechT5LogMel().extract(float), expected, 'speecht5_target_logmel80', 1e-6)
    compare(speechT5LogMel().extract(float), expected, 'speecht5_fairseq_logmel80', 1e-6)
  })

  it('has its filters', () => {
    const options = { filters: 80, fftSize: 1024, sampleRate: 16000, lowHz: 80, highHz: 7600 }
    const { starts, offsets, weights } = triangularMelFilters(options, 'slaney', true)
    const dense = new Float32Array(513 * 80)
    for (let filter = 0; filter < 80; filter++) {
      for (let i = offsets[filter]!; i < offsets[filter + 1]!; i++) {
        dense[(starts[filter]! + i - offsets[filter]!) * 80 + filter] = weights[i]!
      }
    }
    expectClose(dense, expected.tensors.get('speecht5_mel_filters')!.data as Float32Array, { relative: 1e-6 })
  })

  it('pads a batch with zeros', () => {
    const frontEnd = speechT5LogMel()
    const { data, mask, shape } = padFeatures([frontEnd.extract(float), frontEnd.extract(second)])
    expect(shape).toEqual(expected.tensors.get('speecht5_target_batch')!.shape)
    expectClose(data, expected.tensors.get('speecht5_target_batch')!.data as Float32Array, {
      relative: 0,
      absolute: 1e-6,
    })
    expect(mask).toEqual(expected.tensors.get('speecht5_target_batch_mask')!.data)
  })
})

it("fairseq's normalised waveform: to 1e-6 of a layer norm summed in float32", () => {
  const reference = expected.tensors.get('fairseq_norm')!.data as Float32Array
  expectClose(layerNormWaveform(float), reference, { relative: 0, absolute: 1e-6 })
})

it("the fixture's recording is what readAudio() reads", async () => {
  expect((await readAudio(folder('audio-features/audio.wav'))).samples).toEqual(float)
})
