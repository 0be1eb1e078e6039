import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VideoError } from '../errors'
import { FaceDetector, readMouths } from './face-detector'
import { findFfmpeg } from './ffmpeg'
import { pnmImages } from './pnm-stream'
import { readSoundtrack, readVideo, videoFrames } from './read-video'

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('pnmImages', () => {
  async function* inPieces(bytes: Uint8Array, size: number) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
  }
  const image = (kind: string, width: number, height: number, seed: number) => {
    const pixels = Uint8Array.from({ length: width * height * (kind === 'P6' ? 3 : 1) }, (_, i) => (i * seed) % 256)
    return { pixels, bytes: Buffer.concat([Buffer.from(`${kind}\n${width} ${height}\n255\n`), pixels]) }
  }
  const images = [image('P5', 5, 3, 7), image('P6', 2, 4, 31), image('P5', 40, 1, 3)]
  const stream = Buffer.concat(images.map(({ bytes }) => bytes))

  it.each([1, 2, 7, 19, 1000])('takes a stream apart that comes in pieces of %i bytes', async (size) => {
    const found = await collect(pnmImages(inPieces(stream, size), 'x'))
    expect(found.map(({ data }) => data)).toEqual(images.map(({ pixels }) => pixels))
    expect(found.map(({ width, height, channels }) => [width, height, channels])).toEqual([
      [5, 3, 1],
      [2, 4, 3],
      [40, 1, 1],
    ])
  })

  it('refuses anything else, and allocates for no size that is claimed only', async () => {
    const refused = (text: string) => expect(collect(pnmImages(inPieces(Buffer.from(text), 64), 'film.mp4'))).rejects
    await refused('not an image at all, whatever it may be').toThrow(
      'film.mp4: the stream of frames has something else',
    )
    await refused('P5\n99999 99999\n255\n............................').toThrow('99999 x 99999 pixels')
    await refused(stream.subarray(0, 20).toString('latin1')).toThrow('ends within one')
    await refused('P5\n4').toThrow('ends within one')
  })
})

describe.skipIf(!findFfmpeg())('reading videos (skipped without ffmpeg)', () => {
  let folder: string
  const at = (name: string) => join(folder, name)
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'babble-video-'))
    const make = (...args: string[]) => execFileSync(findFfmpeg()!, ['-v', 'error', '-y', ...args])
    // Grey frames whose value is four times their number, losslessly.
    const frames = ['-f', 'lavfi', '-i', "color=black:s=32x24:r=25:d=2,format=gray,geq='lum=4*N'"]
    const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100:duration=2']
    make(...frames, ...tone, '-c:v', 'ffv1', '-c:a', 'pcm_s16le', at('film.mkv'))
    make(...frames, '-c:v', 'ffv1', at('silent.mkv'))
    make(...tone, '-c:a', 'pcm_s16le', at('sound.mkv'))
    writeFileSync(at('broken.mp4'), readFileSync(at('film.mkv')).subarray(0, 300))
    writeFileSync(
      at('list.m3u8'),
      `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:${at('film.mkv')}\n#EXT-X-ENDLIST\n`,
    )
    writeFileSync(at('-i'), readFileSync(at('film.mkv')))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('gives frames as they are, or at another rate, grey or coloured', async () => {
    const video = await readVideo(at('film.mkv'))
    expect([video.frames, video.height, video.width, video.channels, video.fps]).toEqual([50, 24, 32, 1, 25])
    expect(Array.from({ length: 50 }, (_, i) => video.data[i * 24 * 32])).toEqual(
      Array.from({ length: 50 }, (_, i) => 4 * i),
    )
    const colored = await readVideo(at('-i'), { fps: 5, color: 'rgb' })
    expect([colored.frames, colored.channels, colored.data.length]).toEqual([10, 3, 10 * 24 * 32 * 3])
  })

  it('gives the sound, mono at the rate asked for', async () => {
    const samples = await readSoundtrack(at('film.mkv'))
    expect(Math.abs(samples.length - 32_000)).toBeLessThan(40)
    let crossings = 0
    for (let i = 1; i < samples.length; i++) if (samples[i - 1]! < 0 && samples[i]! >= 0) crossings++
    expect(Math.abs(crossings - 880)).toBeLessThanOrEqual(2)
    await expect(readSoundtrack(at('film.mkv'), { maxSeconds: 1 })).rejects.toThrow('more than 1 seconds of sound')
    await expect(readSoundtrack(at('silent.mkv'))).rejects.toThrow(VideoError)
  })

  it('says what is wrong with a file', async () => {
    await expect(readVideo(at('none.mp4'))).rejects.toThrow('none.mp4: there is no such file.')
    await expect(readVideo(at('broken.mp4'))).rejects.toThrow(VideoError)
    await expect(readVideo(at('sound.mkv'))).rejects.toThrow('sound.mkv: ffmpeg cannot read it')
    await expect(readVideo(at('film.mkv'), { maxFrames: 49 })).rejects.toThrow('more than 49 frames at 25 a second')
  })

  it('opens no playlist, which could name other files', async () => {
    await expect(readVideo(at('list.m3u8'))).rejects.toThrow('list.m3u8: ffmpeg cannot read it')
  })

  it('stops when the caller does, or says so', async () => {
    for await (const frame of videoFrames(at('film.mkv'))) {
      expect(frame.data.length).toBe(24 * 32)
      break
    }
    await expect(readVideo(at('film.mkv'), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    )
  })

  const av = join(process.env.BABBLE_DATA ?? 'none', 'av')
  it.skipIf(!existsSync(av))('gives the very frames that other tools get (skipped without BABBLE_DATA)', async () => {
    for (const name of readdirSync(join(av, 'npy')).slice(0, 3)) {
      const npy = gunzipSync(readFileSync(join(av, 'npy', name)))
      const { data, frames, height, width } = await readVideo(join(av, 'mouth', name.replace('.npy.gz', '.mp4')))
      expect([frames, height, width]).toEqual([75, 96, 96])
      expect(Buffer.compare(data, npy.subarray(10 + npy.readUInt16LE(8)))).toBe(0)
    }
  })

  // A folder with the packages that the detector needs.
  const project = process.env.BABBLE_FACES
  it.skipIf(!project || !existsSync(av))(
    'finds mouths where another detector found them (skipped without BABBLE_FACES, BABBLE_DATA)',
    async () => {
      const detector = await FaceDetector.open(project)
      try {
        for (const id of ['s1_srah6p', 's4_lwbsza']) {
          const found = await readMouths(join(av, 'clips', `${id}.mpg`), detector)
          const expected = await readVideo(join(av, 'mouth', `${id}.mp4`))
          expect(found.frames).toBe(expected.frames)
          const squares = found.data.reduce((sum, value, i) => sum + (value - expected.data[i]!) ** 2, 0)
          // Another model finds the points: a pixel or two apart.
          expect(10 * Math.log10(255 ** 2 / (squares / found.data.length))).toBeGreaterThan(28)
        }
        await expect(readMouths(at('film.mkv'), detector)).rejects.toThrow('a face was found in 0 of its 50 frames')
      } finally {
        await detector.close()
      }
      await expect(detector.find({ data: new Uint8Array(3), height: 1, width: 1, channels: 3 })).rejects.toThrow(
        'closed',
      )
    },
  )

  it('says which packages the detector needs', async () => {
    await expect(FaceDetector.open(folder)).rejects.toThrow('npm install @vladmandic/human')
  })
})
