import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostRng } from '../random/index'
import { meterAllocations } from './allocations.fixture'
import { parseBytes } from './byte-parser'
import { encodeFlac, signal } from './flac-encoder.fixture'
import { findFrame, flacLayout } from './flac-layout'
import { loadLibFlac } from './libflac'
import { readAudio } from './read-audio'

let folder: string
beforeAll(async () => {
  await loadLibFlac()
  folder = await mkdtemp(join(tmpdir(), 'flac-'))
})
afterAll(() => rm(folder, { recursive: true }))

const put = async (name: string, bytes: Uint8Array) => {
  await writeFile(join(folder, name), bytes)
  return join(folder, name)
}

describe('a part of a long FLAC file', () => {
  it.each([
    [1, 16],
    [2, 24],
  ])('is exactly the slice of the whole: %i channels of %i bits', async (channels, bits) => {
    const path = await put('long.flac', encodeFlac(signal(200_000 * channels, bits), { channels, bits }))
    const { samples } = await readAudio(path)
    const rng = new HostRng(7, 'parts', channels)
    for (let i = 0; i < 30; i++) {
      const start = rng.int(samples.length)
      const frames = 1 + rng.int(20_000)
      expect((await readAudio(path, { start, frames })).samples).toEqual(samples.subarray(start, start + frames))
    }
    const slow = (await readAudio(path, { sampleRate: 11_025 })).samples
    const part = await readAudio(path, { sampleRate: 11_025, start: 100_000, frames: 999 })
    expect(part.samples).toEqual(slow.subarray(100_000, 100_999))
  })

  it('is found without reading the rest', () => {
    const bytes = encodeFlac(signal(400_000, 16))
    const layout = parseBytes(flacLayout(bytes.length), bytes)
    const search = findFrame(layout, bytes.length, 300_000)
    let looked = 0
    let step = search.next()
    while (!step.done) {
      looked += step.value.length
      step = search.next(bytes.subarray(step.value.at, step.value.at + step.value.length))
    }
    expect(looked).toBeLessThan(bytes.length / 2)
    // Somewhat before the place: its share of the bytes, give or take a tenth.
    expect(Math.abs(step.value / bytes.length - 0.75)).toBeLessThan(0.1)
    expect([bytes[step.value], bytes[step.value + 1]! & 0xfe]).toEqual([0xff, 0xf8])
  })

  it('is right even where the audio looks like the start of frames', async () => {
    // Noise is stored as it is, sample by sample: three samples can spell the header of the stream's first frame, checksum and all.
    const samples = signal(300_000, 16)
    const rng = new HostRng(3)
    for (let i = 0; i < samples.length; i++) samples[i] = rng.int(65_536) - 32_768
    const plain = encodeFlac(samples)
    const { audioStart } = parseBytes(flacLayout(plain.length), plain)
    const header = new DataView(plain.buffer, audioStart, 6)
    for (let at = 20; at + 3 < samples.length; at += 50) {
      for (let word = 0; word < 3; word++) samples[at + word] = header.getInt16(2 * word)
    }
    const bytes = encodeFlac(samples)
    const misled = parseBytes(findFrame(parseBytes(flacLayout(bytes.length), bytes), bytes.length, 200_000), bytes)
    expect(misled).toBeGreaterThan(bytes.length / 2)
    const path = await put('misleading.flac', bytes)
    const { samples: whole } = await readAudio(path)
    const part = await readAudio(path, { start: 200_000, frames: 4000 })
    expect(part.samples).toEqual(whole.subarray(200_000, 204_000))
  })

  it('is refused where it is damaged, and only there', async () => {
    const bytes = encodeFlac(signal(300_000, 16))
    const { samples: whole } = await readAudio(await put('whole.flac', bytes))
    const layout = parseBytes(flacLayout(bytes.length), bytes)
    const at = parseBytes(findFrame(layout, bytes.length, 200_000), bytes)
    const path = await put(
      'broken.flac',
      bytes.map((byte, i) => (i === at + 400 ? byte ^ 8 : byte)),
    )
    await expect(readAudio(path, { start: 200_000, frames: 4000 })).rejects.toThrow(
      /broken\.flac: The FLAC file is damaged/,
    )
    expect((await readAudio(path, { start: 1000, frames: 5000 })).samples).toEqual(whole.subarray(1000, 6000))
  })

  it('reserves nothing for samples that only the header promises', async () => {
    const bytes = encodeFlac(signal(9000, 16))
    new DataView(bytes.buffer).setUint32(22, 2 ** 30)
    const path = await put('promising.flac', bytes)
    const { largest } = await meterAllocations(() =>
      expect(readAudio(path, { start: 100 })).rejects.toThrow(/truncated: it holds 9000 of its 1073741824 samples/),
    )
    expect(largest).toBeLessThan(4 * bytes.length)
  })
})
