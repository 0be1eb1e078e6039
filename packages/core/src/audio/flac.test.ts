import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { AudioError } from '../errors'
import { decodeFlac } from './flac'
import { encodeFlac as encode, signal } from './flac-encoder.fixture'
import { loadLibFlac } from './libflac'

beforeAll(() => loadLibFlac())

const toFloats = (samples: Int32Array, bits: number) => Float32Array.from(samples, (value) => value / 2 ** (bits - 1))

describe('decodeFlac', () => {
  it.each([
    [8, 0],
    [16, 0],
    [16, 5],
    [16, 8],
    [24, 5],
  ])('gives exactly what was encoded: %i bits at level %i, and a last frame of one sample', async (bits, level) => {
    const samples = signal(4096 * 3 + 1, bits)
    const decoded = await decodeFlac(encode(samples, { bits, level }))
    expect(decoded.samples).toEqual(toFloats(samples, bits))
    expect([decoded.sampleRate, decoded.channels]).toEqual([16000, 1])
  })

  it.each([8, 16, 24])(
    'gives exactly what was encoded without an MD5 or length in the header: %i bits',
    async (bits) => {
      for (let seed = 0; seed < 20; seed++) {
        const samples = signal(1 + seed * 331, bits, seed)
        const decoded = await decodeFlac(encode(samples, { bits, complete: false }))
        expect(decoded.samples).toEqual(toFloats(samples, bits))
      }
    },
  )

  it.each([2, 3, 8])('averages %i channels', async (channels) => {
    const samples = signal(5000 * channels, 16)
    const decoded = await decodeFlac(encode(samples, { channels, rate: 44100 }))
    const expected = Float32Array.from({ length: 5000 }, (_, frame) => {
      const values = samples.subarray(frame * channels, (frame + 1) * channels)
      return values.reduce((sum, value) => sum + value, 0) / channels / 2 ** 15
    })
    for (let i = 0; i < 5000; i++) expect(Math.abs(decoded.samples[i]! - expected[i]!)).toBeLessThanOrEqual(6e-8)
    expect([decoded.sampleRate, decoded.channels]).toEqual([44100, channels])
  })

  it('skips a tag before the stream and one after it', async () => {
    const samples = signal(9000, 16)
    const head = Uint8Array.of(0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 1, 2, ...new Array(130).fill(7))
    const tail = new TextEncoder().encode(`TAG${'x'.repeat(125)}`)
    const decoded = await decodeFlac(Buffer.concat([head, encode(samples), tail]))
    expect(decoded.samples).toEqual(toFloats(samples, 16))
  })

  it('decodes several files at once', async () => {
    const all = [1, 2, 3, 4].map((seed) => signal(20_000, 16, seed))
    const decoded = await Promise.all(all.map((samples) => decodeFlac(encode(samples))))
    expect(decoded.map(({ samples }) => samples)).toEqual(all.map((samples) => toFloats(samples, 16)))
  })

  const refusal = async (bytes: Uint8Array) => {
    const error = await decodeFlac(bytes, 'x.flac').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(AudioError)
    return (error as AudioError).message
  }

  it('refuses a truncated file, wherever it ends', async () => {
    const bytes = encode(signal(9000, 16))
    for (let length = 0; length < bytes.length; length += 151) {
      expect(await refusal(bytes.subarray(0, length))).toMatch(
        /^x\.flac: (This is not a FLAC file|The FLAC file is (truncated|damaged))/,
      )
    }
    expect(await refusal(bytes.subarray(0, bytes.length - 1))).toMatch(
      /truncated: it holds 8192 of its 9000 samples|damaged/,
    )
  })

  it('refuses damaged audio', async () => {
    const bytes = encode(signal(9000, 16))
    bytes[bytes.length - 3000]! ^= 4
    expect(await refusal(bytes)).toMatch(/damaged/)
  })

  it('refuses audio that does not match its MD5', async () => {
    const bytes = encode(signal(9000, 16))
    bytes[30]! ^= 1
    expect(await refusal(bytes)).toMatch(/does not match its MD5/)
  })

  it('refuses a file that holds more than its header says', async () => {
    const bytes = encode(signal(9000, 16))
    bytes[25] = 8190 & 255
    bytes[24] = 8190 >> 8
    expect(await refusal(bytes)).toMatch(/damaged: it goes on after 8190 samples/)
  })

  it('refuses a header of the wrong kind, unusable rates and odd depths', async () => {
    const bytes = encode(signal(100, 16))
    const changed = (at: number, value: number) => Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte))
    expect(await refusal(changed(4, 4))).toMatch(/STREAMINFO/)
    expect(await refusal(changed(18, 0xff))).toMatch(/Hz is not usable/)
    expect(await refusal(changed(21, 0x70))).toMatch(/damaged: its format changes after 0 samples/)
    expect(await refusal(changed(21, 0xb0))).toMatch(/FLAC of 12 bits is not read/)
    expect(await refusal(changed(21, 0xff))).toMatch(/samples, more than/)
  })

  it('refuses a file without samples', async () => {
    expect(await refusal(encode(new Int32Array(0)))).toMatch(/holds no samples/)
  })

  it('gives samples or an AudioError for any damage, and decodes well after it', async () => {
    const samples = signal(600, 16)
    const good = encode(samples, { complete: false })
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.nat(good.length),
        fc.boolean(),
        async (changes, length, cut) => {
          const bytes = good.slice(0, cut ? length : good.length)
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
          const result = await decodeFlac(bytes).catch((error: unknown) => error)
          if (!(result instanceof AudioError))
            expect((result as { samples: Float32Array }).samples.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 1500 },
    )
    expect((await decodeFlac(good)).samples).toEqual(toFloats(samples, 16))
  })
})
