import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { AudioError } from '../errors'
import { expectClose, maxDifference } from '../testing/index'
import { type AudioInfo, audioInfo, audioInfoOf } from './audio-info'
import { oggCrc } from './ogg-pages'
import { decodeAudio, readAudio } from './read-audio'

const path = (name: string) => fileURLToPath(new URL(`../../fixtures/audio-formats/${name}`, import.meta.url))
const bytesOf = (name: string) => new Uint8Array(readFileSync(path(name)))
const own = async (name: string) => (await decodeAudio(bytesOf(name), name)).samples
/** The recording that all were made from: a stretch from 0.2 s on, at 16 kHz. */
const original = async (seconds: number) => {
  const { samples } = await readAudio(path('../audio-features/audio.wav'))
  return samples.subarray(3200, 3200 + Math.round(16_000 * seconds))
}

describe('audioInfo', () => {
  const cases: [string, AudioInfo][] = [
    ['mono-16k.mp3', { format: 'mp3', sampleRate: 16_000, channels: 1, frames: 4000 }],
    ['stereo-44k.mp3', { format: 'mp3', sampleRate: 44_100, channels: 2, frames: 11_025 }],
    ['vbr-tags.mp3', { format: 'mp3', sampleRate: 16_000, channels: 1, frames: 4000 }],
    // Without an Info header nothing tells what the encoder added: 9 frames of 576.
    ['bare.mp3', { format: 'mp3', sampleRate: 16_000, channels: 1, frames: 5184 }],
    ['mono.opus', { format: 'opus', sampleRate: 48_000, channels: 1, frames: 12_000 }],
    ['stereo.opus', { format: 'opus', sampleRate: 48_000, channels: 2, frames: 12_000 }],
    ['six.opus', { format: 'opus', sampleRate: 48_000, channels: 6, frames: 12_000 }],
    ['stereo-22k.flac', { format: 'flac', sampleRate: 22_050, channels: 2, frames: 882 }],
    ['pcm_s24le.wav', { format: 'wav', sampleRate: 16_000, channels: 1, frames: 320 }],
    ['extensible-quad.wav', { format: 'wav', sampleRate: 16_000, channels: 4, frames: 320 }],
    ['rf64.wav', { format: 'wav', sampleRate: 16_000, channels: 1, frames: 320 }],
    ['piped.wav', { format: 'wav', sampleRate: 16_000, channels: 1, frames: 320 }],
  ]

  it.each(cases)('%s: exactly what is encoded, and what decoding gives', async (name, expected) => {
    expect(await audioInfo(path(name))).toEqual(expected)
    expect(await audioInfoOf(bytesOf(name))).toEqual(expected)
    const { samples, sampleRate, channels } = await decodeAudio(bytesOf(name))
    expect({ format: expected.format, sampleRate, channels, frames: samples.length }).toEqual(expected)
  })

  it('counts a FLAC file whose header does not tell its length', async () => {
    const bytes = bytesOf('stereo-22k.flac')
    bytes[21]! &= 0xf0
    bytes.fill(0, 22, 26)
    expect(await audioInfoOf(bytes)).toEqual({ format: 'flac', sampleRate: 22_050, channels: 2, frames: 882 })
  })

  it('refuses what is not a recording, or not there', async () => {
    await expect(audioInfo(path('README.md'))).rejects.toThrow(/README\.md: This is not a recording/)
    await expect(audioInfo(path('none.wav'))).rejects.toThrow(/There is no such file/)
    await expect(audioInfo(path('.'))).rejects.toThrow(/This is a folder/)
    await expect(audioInfo(path('vorbis.ogg'))).rejects.toThrow(/an Ogg Vorbis file/)
  })
})

describe('WAV as ffmpeg writes it', () => {
  it.each<[string, number]>([
    ['pcm_u8.wav', 1 / 128],
    ['pcm_s16le.wav', 0],
    ['pcm_s24le.wav', 0],
    ['pcm_s32le.wav', 0],
    ['pcm_f32le.wav', 0],
    ['pcm_f64le.wav', 0],
    ['rf64.wav', 0],
    ['piped.wav', 0],
  ])('%s is the original', async (name, absolute) => {
    expectClose(await own(name), await original(0.02), { relative: 0, absolute })
  })

  it.each(['pcm_alaw.wav', 'pcm_mulaw.wav'])('%s: within its steps, 1/16 of the amplitude at most', async (name) => {
    const [actual, expected] = [await own(name), await original(0.02)]
    // Half of the largest step is 1/32 of the amplitude and, for the least amplitudes, 8/32768.
    actual.forEach((sample, i) => {
      expect(Math.abs(sample - expected[i]!)).toBeLessThanOrEqual(Math.abs(expected[i]!) / 31 + 8 / 32768)
    })
  })

  it('averages the channels of an extensible file', async () => {
    const expected = (await original(0.02)).map((sample) => (sample * 2.75) / 4)
    // ffmpeg mixed at 16 bits: two of the four channels are rounded, by half a step at most.
    expectClose(await own('extensible-quad.wav'), expected, { relative: 0, absolute: 1.01 / 4 / 32768 })
  })
})

describe('MP3', () => {
  it("decodes as ffmpeg's decoder does, to the rounding of its 16 bits", async () => {
    const reference = (await readAudio(path('mono-16k.mp3.wav'))).samples
    expectClose(await own('mono-16k.mp3'), reference, { relative: 0, absolute: 1.01 / 32768 })
  })

  it.each(['mono-16k.mp3', 'stereo-44k.mp3', 'vbr-tags.mp3'])('%s lies where the original does', async (name) => {
    const { samples } = await readAudio(path(name))
    const expected = await original(0.25)
    expect(bestLag(samples, expected)).toBe(0)
  })

  const refusal = async (bytes: Uint8Array) => {
    const error = await decodeAudio(bytes, 'x.mp3').catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(AudioError)
    return (error as AudioError).message
  }

  it('refuses a file that was cut off, wherever', async () => {
    const bytes = bytesOf('mono-16k.mp3')
    for (let length = 60; length < bytes.length; length += 41) {
      expect(await refusal(bytes.subarray(0, length))).toMatch(/truncated|No frame|holds no samples/)
    }
  })

  it('refuses what is not a frame between frames, and other rates', async () => {
    const bytes = bytesOf('bare.mp3')
    expect(await refusal(Uint8Array.of(...bytes.subarray(0, 540), 1, 2, 3, ...bytes.subarray(540)))).toMatch(
      /no frame begins at byte 540/,
    )
    const mixed = Uint8Array.of(...bytes, ...bytesOf('stereo-44k.mp3').subarray(45))
    expect(await refusal(mixed)).toMatch(/changes its rate or channels after 9 frames/)
  })

  it('passes over tags at both ends, and zeros at the end', async () => {
    const bytes = bytesOf('vbr-tags.mp3')
    const expected = await own('vbr-tags.mp3')
    const tag = Uint8Array.of(0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0, 5, 255, 251, 144, 0, 0)
    const ape = new TextEncoder().encode('APETAGEX some tag')
    for (const padded of [
      [...tag, ...bytes],
      [...bytes, ...ape],
      [...bytes, ...new Uint8Array(9000)],
    ]) {
      expect((await decodeAudio(Uint8Array.from(padded))).samples).toEqual(expected)
    }
  })
})

describe('Ogg Opus', () => {
  it("decodes as ffmpeg's libopus does, to the rounding of its 16 bits", async () => {
    const reference = (await readAudio(path('mono.opus.wav'), { sampleRate: 48_000 })).samples
    expectClose((await own('mono.opus')).subarray(0, 4800), reference, { relative: 0, absolute: 1.01 / 32768 })
  })

  it.each(['mono.opus', 'stereo.opus', 'six.opus'])(
    '%s lies where the original does, to a sample of the phase that low rates change',
    async (name) => {
      const { samples } = await readAudio(path(name))
      expect(Math.abs(bestLag(samples, await original(0.25)))).toBeLessThanOrEqual(1)
    },
  )

  it('applies the output gain of the header', async () => {
    const bytes = bytesOf('mono.opus')
    const plain = await own('mono.opus')
    // -6 dB in 256ths of a dB, at byte 16 of the header, which follows on a page header of 28 bytes.
    new DataView(bytes.buffer).setInt16(28 + 16, -6 * 256, true)
    new DataView(bytes.buffer).setUint32(22, oggCrc(bytes.subarray(0, 28 + 19)), true)
    const { samples } = await decodeAudio(bytes)
    expectClose(
      samples,
      plain.map((sample) => sample * 10 ** (-6 / 20)),
      { relative: 1e-6 },
    )
  })

  it('refuses damage, cuts, and what follows the end', async () => {
    const bytes = bytesOf('mono.opus')
    const refusal = async (changed: Uint8Array) => expect(decodeAudio(changed, 'x.opus')).rejects.toThrow(/^x\.opus: /)
    for (let at = 4; at < bytes.length; at += 37) {
      await refusal(bytes.map((byte, i) => (i === at ? byte ^ 16 : byte)))
      await refusal(bytes.slice(0, at))
    }
    await refusal(Uint8Array.of(...bytes, 0))
    await refusal(Uint8Array.of(...bytes, ...bytes))
  })
})

/** The shift of at most 40 samples at which two recordings are most alike. */
function bestLag(samples: Float32Array, expected: Float32Array): number {
  const likeness = (lag: number) => {
    let sum = 0
    for (let i = 100; i < expected.length - 100; i++) sum += expected[i]! * samples[i + lag]!
    return sum
  }
  const lags = Array.from({ length: 81 }, (_, i) => i - 40)
  return lags.reduce((best, lag) => (likeness(lag) > likeness(best) ? lag : best), 0)
}

describe('a part of a recording', () => {
  it.each(['../audio-features/audio.wav', 'extensible-quad.wav', 'stereo-22k.flac', 'stereo-44k.mp3', 'mono.opus'])(
    '%s: is exactly the slice of the whole, at every rate',
    async (name) => {
      // MP3 and Opus are decoded whole each time.
      for (const sampleRate of /wav|flac/.test(name) ? [16_000, 22_050, 44_100, 8000] : [16_000]) {
        const { samples } = await readAudio(path(name), { sampleRate })
        for (const share of [0, 0.001, 0.2, 0.55, 0.99]) {
          const start = Math.floor(share * (samples.length - 1))
          for (const frames of [1, 100, 5000, undefined]) {
            const part = await readAudio(path(name), { sampleRate, start, ...(frames === undefined ? {} : { frames }) })
            const expected = samples.subarray(start, start + (frames ?? samples.length))
            expect(part.samples.length).toBe(expected.length)
            expect(maxDifference(part.samples, expected).difference).toBe(0)
            expect(part.sampleRate).toBe(sampleRate)
          }
        }
      }
    },
  )

  it('refuses a start beyond the end, and numbers that make no sense', async () => {
    await expect(readAudio(path('pcm_s16le.wav'), { start: 320 })).rejects.toThrow(/has 320 samples/)
    await expect(readAudio(path('mono-16k.mp3'), { start: 4000 })).rejects.toThrow(/has 4000 samples/)
    await expect(readAudio(path('pcm_s16le.wav'), { start: -1 })).rejects.toThrow(/start is -1/)
    await expect(readAudio(path('pcm_s16le.wav'), { frames: 0 })).rejects.toThrow(/frames is 0/)
    await expect(readAudio(path('pcm_s16le.wav'), { start: 0.5 })).rejects.toThrow(AudioError)
  })
})
