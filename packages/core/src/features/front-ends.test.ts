import { describe, expect, it } from 'vitest'
import { AudioError, ConfigError } from '../errors'
import { HostRng } from '../random/index'
import { expectClose } from '../testing/index'
import { concatFeatures, deltas } from './deltas'
import { planRealFft } from './fft'
import { kaldiFbank } from './kaldi'
import { type FrontEndConfig, makeFrontEnd } from './make-front-end'
import { padFeatures } from './pad'
import { makeWindow } from './window'

const noise = (length: number, seed = 1) => {
  const rng = new HostRng(seed)
  return Float32Array.from({ length }, () => 0.2 * rng.normal())
}
const everyKind: FrontEndConfig[] = [
  { type: 'fbank', melBins: 80 },
  { type: 'fbank', snipEdges: false },
  { type: 'mfcc', deltas: true, stack: 2 },
  { type: 'psf-logfbank' },
  { type: 'psf-mfcc' },
  { type: 'log-mel', fftSize: 400, hopSamples: 160, melScale: 'htk', melNorm: 'none', log: 'ln', power: 2 },
  { type: 'log-mel', center: false, windowSamples: 800, padMode: 'constant' },
  { type: 'hubert-mfcc' },
  { type: 'av-hubert' },
  { type: 'speecht5' },
  { type: 'beats' },
]

describe.each(everyKind)('makeFrontEnd(%j)', (config) => {
  const frontEnd = makeFrontEnd(config)

  it('gives the frames it promises for every length, all finite', () => {
    for (const length of [
      1, 2, 79, 80, 81, 159, 160, 399, 400, 401, 512, 513, 560, 1023, 1024, 1025, 1439, 1440, 5003,
    ]) {
      const { data, frames, dim } = frontEnd.extract(noise(length))
      expect([frames, dim, data.length]).toEqual([frontEnd.frameCount(length), frontEnd.dim, frames * dim])
      expect(data.every(Number.isFinite)).toBe(true)
    }
  })

  it('is a pure function: the same samples give the same features, whatever came before', () => {
    const first = frontEnd.extract(noise(4000))
    frontEnd.extract(noise(3000, 2))
    expect(frontEnd.extract(noise(4000))).toEqual(first)
    expect(makeFrontEnd(config).extract(noise(4000))).toEqual(first)
  })

  it('leaves the samples alone', () => {
    const samples = noise(2000)
    frontEnd.extract(samples)
    expect(samples).toEqual(noise(2000))
  })

  it('takes 16-bit samples for what they are', () => {
    const int16 = Int16Array.from(noise(4000), (sample) => sample * 32768)
    const float = Float32Array.from(int16, (sample) => sample / 32768)
    expect(frontEnd.extract(int16)).toEqual(frontEnd.extract(float))
  })

  it('gives finite values for silence', () => {
    expect(frontEnd.extract(new Float32Array(4000)).data.every(Number.isFinite)).toBe(true)
  })

  it('moves with the waveform by its hop', () => {
    const samples = noise(16_000)
    const { dim, hopSamples } = frontEnd
    // Frames away from the ends; preemphasis over the whole waveform does not matter after its first sample.
    const shifted = frontEnd.extract(samples.subarray(4 * hopSamples))
    expectClose(shifted.data.subarray(6 * dim, 9 * dim), frontEnd.extract(samples).data.subarray(10 * dim, 13 * dim), {
      relative: 1e-6,
    })
  })

  it('refuses an empty waveform, numbers that are not finite and another rate, naming the file', () => {
    const refusal = (samples: Float32Array, sampleRate?: number) => () =>
      frontEnd.extract(samples, { file: 'a.wav', ...(sampleRate === undefined ? {} : { sampleRate }) })
    expect(refusal(new Float32Array(0))).toThrow(/^a\.wav: The waveform holds no samples/)
    expect(refusal(noise(900).fill(Number.NaN, 7, 8))).toThrow(/^a\.wav: Sample 7 is NaN/)
    expect(refusal(noise(900).fill(-Infinity, 3, 4))).toThrow(AudioError)
    expect(refusal(noise(900), 8000)).toThrow(/^a\.wav: The waveform is at 8000 Hz, .* made for 16000 Hz/)
  })
})

describe('documented values', () => {
  it.each<[FrontEndConfig, number]>([
    [{ type: 'fbank' }, Math.log(2 ** -23)],
    [{ type: 'psf-logfbank' }, Math.log(2 ** -52)],
    [{ type: 'speecht5' }, -10],
    [{ type: 'beats' }, (Math.log(2 ** -23) - 15.41663) / (2 * 6.55582)],
  ])('digital silence, %j: %d', (config, value) => {
    const { data } = makeFrontEnd(config).extract(new Float32Array(2000))
    expect(data.every((x) => x === Math.fround(value))).toBe(true)
  })

  it.each<[FrontEndConfig, number, number, number]>([
    [{ type: 'fbank' }, 98, 0, 1],
    [{ type: 'fbank', snipEdges: false }, 100, 2, 3],
    [{ type: 'psf-logfbank' }, 99, 1, 1],
    [{ type: 'av-hubert' }, 25, 1, 1],
    [{ type: 'speecht5' }, 63, 2, 2],
    [{ type: 'log-mel', center: false }, 59, 0, 0],
  ])('%j: frames of 1 s, 399 samples and 400 samples', (config, second, below, window) => {
    const { frameCount } = makeFrontEnd(config)
    expect([frameCount(16_000), frameCount(399), frameCount(400)]).toEqual([second, below, window])
  })

  it('tells its rate, hop and dim', () => {
    const settings = ({ dim, hopSamples, sampleRate }: ReturnType<typeof makeFrontEnd>) => [dim, hopSamples, sampleRate]
    expect(settings(makeFrontEnd({ type: 'hubert-mfcc' }))).toEqual([39, 160, 16000])
    expect(settings(makeFrontEnd({ type: 'av-hubert' }))).toEqual([104, 640, 16000])
    expect(settings(makeFrontEnd({ type: 'fbank', sampleRate: 8000, useEnergy: true }))).toEqual([24, 80, 8000])
  })

  it('hubert-mfcc is MFCC of floats with deltas', () => {
    const built = makeFrontEnd({ type: 'mfcc', fullScale: 1, deltas: true })
    expect(built.extract(noise(3000))).toEqual(makeFrontEnd({ type: 'hubert-mfcc' }).extract(noise(3000)))
  })
})

describe('dither', () => {
  const config: FrontEndConfig = { type: 'fbank', dither: 1 }
  const extract = (...path: (number | string)[]) =>
    makeFrontEnd(config).extract(new Float32Array(80_000), { rng: new HostRng(3, ...path) })

  it('is a function of the key', () => {
    expect(extract('dither', 1)).toEqual(extract('dither', 1))
    expect(extract('dither', 1)).not.toEqual(extract('dither', 2))
  })

  it('gives silence the energy of its noise: the mean of its squares is 1', () => {
    const energy: FrontEndConfig = { type: 'fbank', dither: 1, useEnergy: true, removeDcOffset: false }
    const { data, frames, dim } = makeFrontEnd(energy).extract(new Float32Array(80_000), { rng: new HostRng(5) })
    let mean = 0
    for (let frame = 0; frame < frames; frame++) mean += Math.exp(data[frame * dim]!) / 400 / frames
    // 199,200 squares of standard deviation sqrt(2): 6 standard errors.
    expect(Math.abs(mean - 1)).toBeLessThan((6 * Math.SQRT2) / Math.sqrt(frames * 400))
  })

  it('needs a generator', () => {
    expect(() => makeFrontEnd(config).extract(noise(900))).toThrow(/dither needs random numbers/)
  })
})

describe('configuration', () => {
  it.each<[unknown, string]>([
    [{ type: 'mfc' }, 'type'],
    [{ type: 'mfcc', melBin: 40 }, 'melBin'],
    [{ type: 'speecht5', melBins: 40 }, 'melBins'],
    [{ type: 'mfcc', melBins: '40' }, 'melBins'],
    [{ type: 'mfcc', coefficients: 30 }, 'coefficients'],
    [{ type: 'fbank', melBins: 0 }, 'melBins'],
    [{ type: 'fbank', melBins: 1e9 }, 'melBins'],
    [{ type: 'fbank', lowHz: 9000 }, 'lowHz'],
    [{ type: 'fbank', highHz: 9000 }, 'highHz'],
    [{ type: 'fbank', lowHz: 4000, highHz: 3000 }, 'highHz'],
    [{ type: 'fbank', frameShiftMs: 0 }, 'frameShiftMs'],
    [{ type: 'fbank', frameLengthMs: 1e9 }, 'frameLengthMs'],
    [{ type: 'fbank', dither: -1 }, 'dither'],
    [{ type: 'fbank', preemphasis: 2 }, 'preemphasis'],
    [{ type: 'fbank', fullScale: 2 }, 'fullScale'],
    [{ type: 'fbank', stack: 1.5 }, 'factor'],
    [{ type: 'log-mel', fftSize: 1 }, 'fftSize'],
    [{ type: 'log-mel', fftSize: 2 ** 30 }, 'fftSize'],
    [{ type: 'log-mel', hopSamples: 0 }, 'hopSamples'],
    [{ type: 'log-mel', windowSamples: 2000 }, 'windowSamples'],
    [{ type: 'log-mel', floor: 0 }, 'floor'],
    [{ type: 'psf-mfcc', sampleRate: 0 }, 'sampleRate'],
    [null, 'type'],
  ])('refuses %j, naming %s', (config, field) => {
    const make = () => makeFrontEnd(config as FrontEndConfig)
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(expect.objectContaining({ field }))
  })
})

describe('parts', () => {
  it.each([2, 3, 4, 5, 7, 8, 30, 100, 128, 400, 441, 512])(
    'the transform of %i samples is the sum it stands for',
    (size) => {
      const fft = planRealFft(size)
      const signal = noise(size)
      fft.input.set(signal)
      const power = new Float64Array(fft.bins)
      fft.power(power)
      const direct = Float64Array.from({ length: fft.bins }, (_, k) => {
        let [re, im] = [0, 0]
        for (let n = 0; n < size; n++) {
          const angle = (2 * Math.PI * ((k * n) % size)) / size
          re += signal[n]! * Math.cos(angle)
          im -= signal[n]! * Math.sin(angle)
        }
        return re * re + im * im
      })
      expect(fft.bins).toBe(Math.floor(size / 2) + 1)
      expectClose(power, direct, { relative: 1e-12 })
    },
  )

  it('windows are symmetric, or have one sample more of period', () => {
    for (const type of ['povey', 'hanning', 'hamming', 'blackman', 'sine'] as const) {
      const window = makeWindow(type, 9)
      expectClose(window, window.slice().reverse(), { relative: 1e-14 })
    }
    expectClose(makeWindow('periodic-hann', 8), makeWindow('hanning', 9).subarray(0, 8), { relative: 1e-14 })
    expectClose(makeWindow('hamming', 5), [0.08, 0.54, 1, 0.54, 0.08], { relative: 1e-14 })
    expectClose(makeWindow('povey', 3), [0, 1, 0], { relative: 1e-14 })
    expectClose(makeWindow('sine', 3), [0, 1, 0], { relative: 1e-14 })
    expect([...makeWindow('rectangular', 3)]).toEqual([1, 1, 1])
    expect([...makeWindow('hanning', 1)]).toEqual([1])
  })

  it('deltas of a ramp are its slope away from the ends, where frames repeat', () => {
    const ramp = { data: Float32Array.from({ length: 8 }, (_, t) => 3 * t), frames: 8, dim: 1 }
    // By hand at t = 0: (1 · (3 - 0) + 2 · (6 - 0)) / 10; at t = 1: (1 · (6 - 0) + 2 · (9 - 0)) / 10.
    expectClose(deltas(ramp).data, [1.5, 2.4, 3, 3, 3, 3, 2.4, 1.5], { relative: 1e-7 })
    expectClose(deltas(ramp, 3).data, [1.5, 3, 3, 3, 3, 3, 3, 1.5], { relative: 1e-7 })
    expect(() => deltas(ramp, 4)).toThrow(ConfigError)
    expect(deltas({ data: new Float32Array(0), frames: 0, dim: 3 })).toEqual({
      data: new Float32Array(0),
      frames: 0,
      dim: 3,
    })
  })

  it('refuses to join or batch what does not fit', () => {
    const make = (frames: number, dim: number) => ({ data: new Float32Array(frames * dim), frames, dim })
    expect(() => concatFeatures(make(2, 3), make(3, 3))).toThrow(ConfigError)
    expect(() => padFeatures([make(2, 3), make(2, 4)])).toThrow(/item 1 has frames of 4 numbers/)
  })

  it('mirrors a short waveform as often as its frame needs', () => {
    // One sample: every frame is constant, so that nothing is left when its mean is taken away.
    const { data, frames } = kaldiFbank({ snipEdges: false }).extract(Float32Array.of(0.5, ...new Array(79).fill(0.5)))
    expect(frames).toBe(1)
    expect(data.every((x) => x === Math.fround(Math.log(2 ** -23)))).toBe(true)
  })
})
