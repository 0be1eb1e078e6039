import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audioInfo } from './audio-info'
import { readAudio } from './read-audio'

const source = fileURLToPath(new URL('../../fixtures/audio-features/audio.wav', import.meta.url))
const ffmpeg = (...options: string[]) => spawnSync('ffmpeg', ['-v', 'error', '-y', ...options])
const codecs = ffmpeg('-encoders').stdout?.toString() ?? ''

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ffmpeg-'))
})
afterAll(() => rm(folder, { recursive: true }))

const cases: [codec: string, extension: string, rate: number, channels: number][] = [
  ...[8000, 11_025, 16_000, 22_050, 24_000, 32_000, 48_000].map((rate) => ['libmp3lame', 'mp3', rate, 1] as const),
  ['libmp3lame', 'mp3', 44_100, 2],
  ...[1, 2, 6].map((channels) => ['libopus', 'opus', 48_000, channels] as const),
  ['flac', 'flac', 11_025, 2],
  ['flac', 'flac', 48_000, 6],
  ['pcm_s24le', 'wav', 44_100, 6],
  ['pcm_mulaw', 'wav', 8000, 1],
].map(([codec, extension, rate, channels]) => [String(codec), String(extension), Number(rate), Number(channels)])

describe.skipIf(codecs === '')('one second as the ffmpeg of this machine encodes it', () => {
  for (const [codec, extension, rate, channels] of cases) {
    it.skipIf(!codecs.includes(` ${codec} `))(`${codec}, ${rate} Hz, ${channels} channels`, async () => {
      const path = join(folder, `${codec}-${rate}-${channels}.${extension}`)
      const made = ffmpeg('-i', source, '-ar', String(rate), '-ac', String(channels), '-c:a', codec, path)
      expect(made.stderr.toString()).toBe('')
      const info = await audioInfo(path)
      expect(info).toEqual({ format: extension, sampleRate: rate, channels, frames: rate })
      const { samples } = await readAudio(path, { sampleRate: rate })
      expect(samples.length).toBe(info.frames)
      // Loud enough to be the recording, whatever the mix of channels.
      expect(samples.some((sample) => Math.abs(sample) > 0.05)).toBe(true)
    })
  }
})
