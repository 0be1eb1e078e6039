import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudioError } from '../errors'
import { decodeWav, encodeWav } from './wav'

interface Wav {
  encoding?: number
  channels?: number
  rate?: number
  bits?: number
  frameBytes?: number
  data?: readonly number[]
  dataSize?: number
  fmtExtra?: readonly number[]
  before?: readonly number[]
  after?: readonly number[]
  form?: string
  formSize?: number
}

const ascii = (text: string) => [...text].map((c) => c.charCodeAt(0))
const le = (value: number, bytes: number) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) & 255)

/** A WAV file, field by field. */
function wav(options: Wav = {}): Uint8Array {
  const { encoding = 1, channels = 1, rate = 16000, bits = 16, data = [0, 64], fmtExtra = [] } = options
  const { frameBytes = Math.ceil(bits / 8) * channels, dataSize = data.length, before = [], after = [] } = options
  const body = [
    ...ascii('WAVE'),
    ...(options.form === 'RF64' ? before : []),
    ...ascii('fmt '),
    ...le(16 + fmtExtra.length, 4),
    ...[
      ...le(encoding, 2),
      ...le(channels, 2),
      ...le(rate, 4),
      ...le(rate * frameBytes, 4),
      ...le(frameBytes, 2),
      ...le(bits, 2),
    ],
    ...fmtExtra,
    ...(options.form === 'RF64' ? [] : before),
    ...[...ascii('data'), ...le(dataSize, 4), ...data],
    ...after,
  ]
  return Uint8Array.from([...ascii(options.form ?? 'RIFF'), ...le(options.formSize ?? body.length, 4), ...body])
}

const bytesOf = (array: Float32Array | Float64Array | Int32Array) => [...new Uint8Array(array.buffer)]
const extensible = (encoding: number, tail = [0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]) => ({
  encoding: 0xfffe,
  fmtExtra: [22, 0, 16, 0, 4, 0, 0, 0, ...le(encoding, 2), ...tail],
})

describe('decodeWav', () => {
  it.each<[string, Wav, number[]]>([
    ['8-bit PCM', { bits: 8, data: [0, 128, 255, 192] }, [-1, 0, 127 / 128, 0.5]],
    ['16-bit PCM', { data: [0, 128, 255, 127, 1, 0, 255, 255] }, [-1, 32767 / 32768, 2 ** -15, -(2 ** -15)]],
    ['24-bit PCM', { bits: 24, data: [0, 0, 128, 255, 255, 255, 0, 0, 64] }, [-1, -(2 ** -23), 0.5]],
    ['32-bit PCM', { bits: 32, data: bytesOf(Int32Array.of(-(2 ** 31), 2 ** 30, -(2 ** 10))) }, [-1, 0.5, -(2 ** -21)]],
    ['12-bit PCM, left-justified', { bits: 12, data: [0, 0x40, 0x10, 0] }, [0.5, 2 ** -11]],
    ['32-bit float', { encoding: 3, bits: 32, data: bytesOf(Float32Array.of(-0.1, 1.5)) }, [Math.fround(-0.1), 1.5]],
    ['64-bit float', { encoding: 3, bits: 64, data: bytesOf(Float64Array.of(0.1, -1)) }, [Math.fround(0.1), -1]],
    [
      'mu-law',
      { encoding: 7, bits: 8, data: [0x80, 0x00, 0xff, 0x7f, 0xf0] },
      [32124, -32124, 0, 0, 120].map((v) => v / 32768),
    ],
    [
      'A-law',
      { encoding: 6, bits: 8, data: [0xaa, 0x2a, 0xd5, 0x55, 0x80] },
      [32256, -32256, 8, -8, 5504].map((v) => v / 32768),
    ],
    ['extensible PCM', extensible(1), [0.5]],
    ['extensible float', { ...extensible(3), bits: 32, data: bytesOf(Float32Array.of(0.25)) }, [0.25]],
    ['stereo', { channels: 2, data: [0, 64, 0, 32, 0, 128, 0, 64] }, [0.375, -0.25]],
    ['five channels', { channels: 5, data: [0, 64, 0, 0, 0, 0, 0, 0, 0, 0] }, [Math.fround(0.1)]],
    [
      'chunks of odd size around',
      { before: [...ascii('LIST'), ...le(3, 4), 1, 2, 3, 0], after: ascii('id3 junk') },
      [0.5],
    ],
    ['a data chunk of odd size without its pad', { bits: 8, data: [128, 192, 64] }, [0, 0.5, -0.5]],
    ['a stream without sizes', { formSize: 2 ** 32 - 1, dataSize: 2 ** 32 - 1, data: [0, 64, 0, 32] }, [0.5, 0.25]],
    [
      'RF64',
      {
        form: 'RF64',
        formSize: 2 ** 32 - 1,
        dataSize: 2 ** 32 - 1,
        before: [...ascii('ds64'), ...le(28, 4), ...le(0, 8), ...le(2, 8), ...le(1, 8), ...le(0, 4)],
        after: [9, 9, 9],
      },
      [0.5],
    ],
    ['BW64', { form: 'BW64' }, [0.5]],
  ])('reads %s', (_, options, expected) => {
    const { samples, sampleRate, channels } = decodeWav(wav(options))
    expect([...samples]).toEqual(expected)
    expect([sampleRate, channels]).toEqual([16000, options.channels ?? 1])
  })

  it.each<[string, Uint8Array, string]>([
    ['a file without samples', wav({ data: [] }), 'holds no samples'],
    [
      'a data chunk longer than the file',
      wav({ dataSize: 4000 }),
      'its "data" chunk should have 4000 bytes, but only 2 follow',
    ],
    ['an unknown size where the file has one', wav({ dataSize: 2 ** 32 - 1 }), 'truncated'],
    ['a file that ends before its data', wav().subarray(0, 36), "no 'data' chunk"],
    ['a file that ends in its data', wav({ data: [1, 2, 3, 4] }).subarray(0, 46), 'truncated'],
    ['data that ends within a frame', wav({ data: [1, 2, 3] }), 'end within a frame of 2'],
    [
      'data before the format',
      Uint8Array.from([...ascii('RIFF\0\0\0\0WAVEdata'), 2, 0, 0, 0, 0, 0]),
      "no 'fmt ' chunk",
    ],
    ['a short format', Uint8Array.from([...ascii('RIFF\0\0\0\0WAVEfmt '), 2, 0, 0, 0, 0, 0]), '2 bytes, fewer than 16'],
    ['a short extensible format', wav({ encoding: 0xfffe }), 'fewer than 40'],
    ['an unknown sub-format', wav(extensible(1, new Array(14).fill(7))), 'sub-format'],
    ['ADPCM', wav({ encoding: 2, bits: 4 }), 'compressed (format 0x0002)'],
    ['no channels', wav({ channels: 0 }), 'no channels'],
    ['no rate', wav({ rate: 0 }), '0 Hz is not usable'],
    ['a rate of 4 GHz', wav({ rate: 4e9 }), '4000000000 Hz'],
    ['64-bit PCM', wav({ bits: 64, data: new Array(8).fill(0) }), '64 bits'],
    ['0-bit PCM', wav({ bits: 0, data: [] }), '0 bits'],
    [
      'frames that do not fit their channels',
      wav({ frameBytes: 3 }),
      'frames of 3 bytes, but 1 channels of 16 bits need 2',
    ],
    ['NaN', wav({ encoding: 3, bits: 32, data: bytesOf(Float32Array.of(0, Number.NaN)) }), 'Sample 1 is NaN'],
    ['infinity', wav({ encoding: 3, bits: 32, data: bytesOf(Float32Array.of(-Infinity)) }), 'Sample 0 is -Infinity'],
    [
      'a double beyond float32',
      wav({ encoding: 3, bits: 64, data: bytesOf(Float64Array.of(1e300)) }),
      'Sample 0 is Infinity',
    ],
    ['another RIFF file', Uint8Array.from(ascii('RIFF\0\0\0\0AVI LIST')), 'not a WAV file'],
  ])('refuses %s', (_, bytes, message) => {
    const decode = () => decodeWav(bytes, 'x.wav')
    expect(decode).toThrow(AudioError)
    expect(decode).toThrow(message)
    expect(decode).toThrow(/^x\.wav: /)
  })

  it('reads from the middle of a buffer', () => {
    const bytes = wav({ data: [0, 64, 0, 32] })
    const larger = new Uint8Array(bytes.length + 7).fill(255)
    larger.set(bytes, 3)
    expect([...decodeWav(larger.subarray(3, 3 + bytes.length)).samples]).toEqual([0.5, 0.25])
  })

  it('gives samples or an AudioError for any damage to a header', () => {
    const good = wav({
      ...extensible(1),
      channels: 2,
      data: new Array(16).fill(3),
      before: [...ascii('LIST'), 2, 0, 0, 0, 1, 2],
    })
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.nat(good.length), (changes, length) => {
        const bytes = good.slice(0, length)
        for (const [at, value] of changes) if (at < length) bytes[at] = value
        try {
          const { samples } = decodeWav(bytes)
          expect(samples.length).toBeGreaterThan(0)
          expect(samples.every(Number.isFinite)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(AudioError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('encodeWav', () => {
  it('gives back every 16-bit value', () => {
    const samples = Float32Array.from({ length: 65536 }, (_, i) => (i - 32768) / 32768)
    const decoded = decodeWav(encodeWav(samples, 22050))
    expect(decoded.samples).toEqual(samples)
    expect(decoded.sampleRate).toBe(22050)
  })

  it('clips to full scale', () => {
    expect([...decodeWav(encodeWav(Float32Array.of(1, 2, -2), 8000)).samples]).toEqual([
      32767 / 32768,
      32767 / 32768,
      -1,
    ])
  })

  it('refuses what is not a number, and rates that are not usable', () => {
    expect(() => encodeWav(Float32Array.of(Number.NaN), 8000)).toThrow(AudioError)
    expect(() => encodeWav(Float32Array.of(0), 8000.5)).toThrow(AudioError)
  })
})
