import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { AudioError } from '../errors'
import { HostRng } from '../random/index'
import { meterAllocations } from './allocations.fixture'
import { audioInfoOf } from './audio-info'
import { loadLibFlac } from './libflac'
import { oggCrc } from './ogg-pages'
import { decodeAudio } from './read-audio'

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/audio-formats/${name}`, import.meta.url)))

/** Numbers that break sums and limits: the extremes of their widths and their neighbours. */
const awkward = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

/** A copy with one to four changes, most of them in its first `header` bytes, at times cut off or with bytes taken out or put in. */
function mutate(bytes: Uint8Array, header: number, rng: HostRng): Uint8Array {
  let out = bytes.slice()
  for (let changes = 1 + rng.int(4); changes > 0; changes--) {
    const at = rng.int(rng.int(8) === 0 ? out.length : Math.min(header, out.length))
    const view = new DataView(out.buffer)
    const value = awkward[rng.int(awkward.length)]!
    const kind = rng.int(10)
    if (kind < 3) out[at] = rng.int(256)
    else if (kind < 5) out[at]! ^= 1 << rng.int(8)
    else if (kind === 5 && at + 4 <= out.length) view.setUint32(at, value, rng.int(2) === 0)
    else if (kind === 6 && at + 2 <= out.length) view.setUint16(at, value & 0xffff, rng.int(2) === 0)
    else if (kind === 7) out = out.slice(0, Math.max(1, rng.int(out.length)))
    else if (kind === 8 && out.length > 8)
      out = Uint8Array.of(...out.subarray(0, at), ...out.subarray(at + 1 + rng.int(6)))
    else
      out = Uint8Array.of(
        ...out.subarray(0, at),
        ...Array.from({ length: rng.int(9) }, () => rng.int(256)),
        ...out.subarray(at),
      )
    if (out.length === 0) out = Uint8Array.of(0)
  }
  return out
}

/** Decodes; whatever is wrong must be an AudioError that names the file. @returns The samples, if there are. */
async function decodeOrRefuse(bytes: Uint8Array): Promise<Float32Array | undefined> {
  const info = await audioInfoOf(bytes, 'x.audio').catch(refusal)
  const decoded = await decodeAudio(bytes, 'x.audio').catch(refusal)
  if (decoded === undefined) return undefined
  expect(decoded.samples.length).toBeGreaterThan(0)
  expect(decoded.samples.every(Number.isFinite)).toBe(true)
  // What can be decoded can be counted without.
  expect(info).toMatchObject({
    sampleRate: decoded.sampleRate,
    channels: decoded.channels,
    frames: decoded.samples.length,
  })
  return decoded.samples
}

function refusal(error: unknown): undefined {
  if (!(error instanceof AudioError)) throw error
  expect(error.message).toMatch(/^x\.audio: /)
  expect(error.cure).toBeTruthy()
}

/**
 * Decodes mutations without end, crash or waste: apart from the samples that are returned (4 bytes each, and no more than the file holds) no
 * buffer is larger than twice the file.
 *
 * @param decoderBytes Largest buffer of the decoder's own, the same for every file.
 */
async function fuzz(
  bytes: Uint8Array,
  header: number,
  runs: number,
  decoderBytes = 256,
  change = (mutated: Uint8Array) => mutated,
) {
  let refused = 0
  for (let run = 0; run < runs; run++) {
    const mutated = change(mutate(bytes, header, new HostRng(20, 'fuzz', run)))
    const { result, largest } = await meterAllocations(() => decodeOrRefuse(mutated))
    const samplesBytes = result === undefined ? 0 : result.byteLength
    if (largest > Math.max(2 * mutated.length, samplesBytes, decoderBytes)) {
      throw new Error(`run ${run}: ${largest} bytes at once for a file of ${mutated.length}`)
    }
    if (result === undefined) refused++
  }
  return refused
}

/** The MP3 and Opus decoders are made anew for each file, with their code (some 100 KB) and room for 46,224 samples of two channels. */
const wasmDecoderBytes = 2889 * 16 * 2 * 4

beforeAll(() => loadLibFlac())

describe('mutated files give samples or a typed error that names the file, in bounded memory', () => {
  it.each(['pcm_s16le.wav', 'extensible-quad.wav', 'rf64.wav', 'pcm_f32le.wav', 'pcm_mulaw.wav'])(
    '2,000 of %s',
    async (name) => {
      const refused = await fuzz(fixture(name), 110, 2000)
      expect(refused).toBeGreaterThan(500)
      expect(refused).toBeLessThan(2000)
    },
  )

  it('3,000 headers of a FLAC file', async () => {
    const refused = await fuzz(fixture('stereo-22k.flac'), 8400, 1000)
    expect(refused).toBeGreaterThan(100)
    // STREAMINFO and the blocks after it.
    expect(await fuzz(fixture('stereo-22k.flac'), 100, 2000)).toBeGreaterThan(1000)
    // The library's own memory has not grown.
    expect((await loadLibFlac())._module.HEAP8.length).toBe(2 ** 24)
  })

  it('600 MP3 files, and nothing on the console', async () => {
    const shown = vi.spyOn(console, 'error')
    let refused = await fuzz(fixture('mono-16k.mp3'), 300, 300, wasmDecoderBytes)
    refused += await fuzz(fixture('vbr-tags.mp3'), 600, 300, wasmDecoderBytes)
    expect(refused).toBeGreaterThan(100)
    expect(shown).not.toHaveBeenCalled()
    shown.mockRestore()
  })

  it('1,000 Ogg files, whose checksums catch nearly all', async () => {
    expect(await fuzz(fixture('mono.opus'), 200, 1000, wasmDecoderBytes)).toBeGreaterThan(900)
  })

  it('300 Ogg files with their checksums put right again', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(await fuzz(fixture('mono.opus'), 200, 300, wasmDecoderBytes, repairChecksums)).toBeGreaterThan(50)
    shown.mockRestore()
  })
})

/** Gives every page that can be found its right checksum: damage as someone would make it on purpose. */
function repairChecksums(bytes: Uint8Array): Uint8Array {
  for (let at = 0; at + 27 <= bytes.length; at++) {
    if (String.fromCharCode(...bytes.subarray(at, at + 4)) !== 'OggS') continue
    const segments = bytes[at + 26]!
    const body = bytes.subarray(at + 27, at + 27 + segments).reduce((sum, length) => sum + length, 0)
    const page = bytes.subarray(at, at + 27 + segments + body)
    new DataView(page.buffer, page.byteOffset).setUint32(22, oggCrc(page), true)
  }
  return bytes
}

it('the meter sees what a decoder makes', async () => {
  const bytes = fixture('pcm_s16le.wav')
  const { result, total, largest } = await meterAllocations(() => decodeAudio(bytes))
  expect(largest).toBe(4 * result.samples.length)
  expect(total).toBeGreaterThan(largest)
  expect((await meterAllocations(() => Float32Array.from([1, 2]).slice(1))).total).toBe(12)
})
