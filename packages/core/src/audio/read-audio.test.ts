import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AudioError } from '../errors'
import { audioInfo } from './audio-info'
import { decodeAudio, readAudio } from './read-audio'
import { encodeWav } from './wav'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'audio-'))
})
afterAll(() => rm(folder, { recursive: true }))

const put = async (name: string, content: Uint8Array | string) => {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}
const tone = Float32Array.from({ length: 4000 }, (_, i) => Math.round(Math.sin(i / 5) * 20000) / 32768)

describe('readAudio', () => {
  it('reads a file at its own rate unchanged, whatever its name', async () => {
    const path = await put('speech.flac', encodeWav(tone, 16000))
    expect(await readAudio(path)).toEqual({ samples: tone, sampleRate: 16000, sourceSampleRate: 16000, channels: 1 })
  })

  it('converts other rates to the one asked for', async () => {
    const path = await put('slow.wav', encodeWav(tone, 8000))
    const standard = await readAudio(path)
    expect([standard.samples.length, standard.sampleRate, standard.sourceSampleRate]).toEqual([8000, 16000, 8000])
    expect((await readAudio(path, { sampleRate: 8000 })).samples).toEqual(tone)
    await expect(readAudio(path, { sampleRate: 0 })).rejects.toThrow('0 Hz is not usable')
  })

  it.each<[string, string | Uint8Array, string]>([
    ['empty.wav', '', 'The file is empty.'],
    ['riff.wav', 'RIFF', 'truncated within its header'],
    ['page.wav', '<!DOCTYPE html>', 'This is not a recording; the formats that are read are WAV'],
    ['zeros.wav', new Uint8Array(1000), 'not a recording'],
    ['music.mp3', 'ID3\x04\0\0\0\0\0\0', 'The MP3 file is truncated: it ends within its tag'],
    ['bare.mp3', Uint8Array.of(0xff, 0xfb, 0x90, 0), 'The MP3 file is truncated: it ends within its frame 0'],
    ['music.mp2', Uint8Array.of(0xff, 0xfd, 0x90, 0), 'an MPEG audio file that is not MP3'],
    ['music.ogg', 'OggS', 'an Ogg file that does not begin with Opus'],
    ['vorbis.ogg', `OggS${'\0'.repeat(22)}\x01\x1e\x01vorbis`, 'an Ogg Vorbis file'],
    ['flac.ogg', `OggS${'\0'.repeat(22)}\x01\x1e\x7fFLAC`, 'a FLAC stream in an Ogg file'],
    ['music.m4a', '\0\0\0 ftypM4A ', 'an MPEG-4 file'],
    ['timit.wav', 'NIST_1A\n   1024\n', 'a NIST SPHERE file'],
    ['lfs.wav', 'version https://git-lfs.github.com/spec/v1\noid', 'git lfs pull'],
  ])('refuses %s', async (name, content, message) => {
    const path = await put(name, content)
    const error = await readAudio(path).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(AudioError)
    expect((error as AudioError).message).toContain(message)
    expect((error as AudioError).file).toBe(path)
    expect((error as AudioError).cure).toBeTruthy()
  })

  it('refuses what is missing, and a folder', async () => {
    await expect(readAudio(join(folder, 'none.wav'))).rejects.toThrow('There is no such file. Check the path.')
    await expect(readAudio(folder)).rejects.toThrow('This is a folder.')
    await expect(readAudio(join(folder, 'none.wav'))).rejects.toThrow(AudioError)
  })
})

describe('decodeAudio', () => {
  it('gives an AudioError for bytes of any kind', async () => {
    const start = fc.constantFrom(
      '',
      'RIFF',
      'RIFF\x10\0\0\0WAVE',
      'RIFF\x10\0\0\0WAVEfmt ',
      'fLaC',
      'fLaC\0\0\0\x22',
      'ID3\x04\0\0\0\0\0\x01',
    )
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), async (text, rest) => {
        const result = await decodeAudio(Buffer.concat([Buffer.from(text, 'latin1'), rest])).catch(
          (error: unknown) => error,
        )
        if (!(result instanceof AudioError))
          expect((result as { samples: Float32Array }).samples.every(Number.isFinite)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

const data = process.env.BABBLE_DATA
describe.skipIf(data === undefined)('real recordings (BABBLE_DATA)', () => {
  it.each([
    ['digits', 'path'],
    ['sentences', 'path'],
    ['av', 'audio'],
  ])(
    'all of %s decode to the number of samples that its manifest says, and their headers say it too',
    async (set, pathColumn) => {
      const text = await readFile(join(data!, set, 'manifest.tsv'), 'utf8')
      const [header, ...rows] = text
        .trim()
        .split('\n')
        .map((line) => line.split('\t'))
      const [path, samples] = [header!.indexOf(pathColumn), header!.indexOf('samples')]
      expect(rows.length).toBeGreaterThan(100)
      for (const row of rows) {
        const file = join(data!, set, row[path]!)
        const count = Number(row[samples])
        expect(await audioInfo(file)).toMatchObject({ sampleRate: 16_000, channels: 1, frames: count })
        expect((await readAudio(file)).samples.length).toBe(count)
      }
    },
  )
})
