import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../../audio/index'
import { DataError } from '../../errors'
import { HostRng } from '../../random/index'
import { manifestDataset } from '../dataset'
import { readManifest } from '../read-manifest'
import { indexShards } from './index-shards'
import { readTar } from './tar'
import { writeShards } from './write-shards'

const wave = (samples: number) =>
  encodeWav(
    Float32Array.from({ length: samples }, (_, at) => Math.sin(at / 9) / 2),
    16000,
  )

const tarOf = async (files: readonly (readonly [name: string, content: string | Uint8Array])[]): Promise<Buffer> => {
  const tar = pack()
  for (const [name, content] of files) tar.entry({ name }, Buffer.from(content as string))
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-shards-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('readTar', () => {
  const long = `${'folder/'.repeat(40)}${'x'.repeat(120)}.wav`

  it('finds the files of an archive, long names too', async () => {
    const file = join(folder, 'long.tar')
    await writeFile(
      file,
      await tarOf([
        ['a.txt', 'hello'],
        [long, 'world'],
        ['ünï.txt', ''],
      ]),
    )
    const bytes = await readFile(file)
    const entries = await readTar(file)
    expect(entries.map(({ name }) => name)).toEqual(['a.txt', long, 'ünï.txt'])
    expect(entries.map(({ offset, bytes: size }) => bytes.toString('utf8', offset, offset + size))).toEqual([
      'hello',
      'world',
      '',
    ])
  })

  it.each(['gnu', 'pax', 'ustar'])("reads what the system's tar writes (%s)", async (format) => {
    const tree = join(folder, `tree-${format}`)
    const path = format === 'ustar' ? 'sub/folder/b.txt' : `${long}`
    await mkdir(join(tree, path, '..'), { recursive: true })
    await writeFile(join(tree, 'a.txt'), 'first')
    await writeFile(join(tree, path), 'second')
    const file = join(folder, `${format}.tar`)
    execFileSync('tar', [`--format=${format}`, '-cf', file, '-C', tree, 'a.txt', path])
    const bytes = await readFile(file)
    const contents = (await readTar(file)).map(({ name, offset, bytes: size }) => [
      name,
      bytes.toString('utf8', offset, offset + size),
    ])
    expect(contents).toEqual([
      ['a.txt', 'first'],
      [path, 'second'],
    ])
  })

  it('refuses 10,000 damaged archives with errors that name them, or lists what is inside of them', async () => {
    const good = await tarOf([
      ['a.wav', 'x'.repeat(600)],
      [long, 'y'.repeat(10)],
      ['c.json', '{}'],
    ])
    const rng = new HostRng(1, 'tar')
    const file = 'damaged.tar'
    let refused = 0
    for (let round = 0; round < 10_000; round++) {
      let bytes = Buffer.from(good)
      for (let change = rng.int(4); change >= 0; change--) {
        // Mostly in the headers, whose numbers are what could be believed too far.
        const at =
          rng.int(3) === 0
            ? rng.int(bytes.length)
            : (512 * rng.int(bytes.length / 512) + 100 + rng.int(160)) % bytes.length
        bytes[at] = rng.int(4) === 0 ? 0xff : rng.int(256)
      }
      if (rng.int(2) === 0) repairChecksums(bytes)
      if (rng.int(8) === 0) bytes = bytes.subarray(0, rng.int(bytes.length))
      try {
        for (const { offset, bytes: size } of await readTar({ file, bytes }))
          expect(offset + size).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        expect((error as DataError).file).toBe(file)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(3000)
  })
})

/** Makes the checksum of each block right as if it were a header, so that damage behind it is looked at. */
const repairChecksums = (bytes: Buffer): void => {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    bytes.fill(0x20, at + 148, at + 156)
    const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
  }
}

describe('shards', () => {
  it('hold recordings that are read from where they lie', async () => {
    const source = join(folder, 'source')
    const output = join(folder, 'shards')
    await mkdir(source)
    const clips = []
    for (let at = 0; at < 7; at++) {
      const path = join(source, `take.${at}.wav`)
      await writeFile(path, wave(800 + 100 * at))
      clips.push({ path, text: `text ${at}`, speaker: at < 4 ? 'ann' : 'bob', fields: { take: `${at}` } })
    }
    const index = await writeShards([...clips, { path: join(source, 'none.wav') }], { output, shardBytes: 5000 })
    expect(index).toMatchObject({
      clips: 7,
      skipped: [{ path: join(source, 'none.wav'), reason: 'There is no such file.' }],
    })
    expect(index.shards).toBe(3)
    const manifest = await readManifest(index.manifest)
    const dataset = manifestDataset(manifest)
    const originals = manifestDataset(await readManifestOf(clips))
    for (const [at, clip] of clips.entries()) {
      expect(manifest.clip(at)).toMatchObject({ text: clip.text, speaker: clip.speaker, samples: 800 + 100 * at })
      expect(manifest.clip(at).fields).toMatchObject({ take: `${at}`, key: expect.stringMatching(/^0{8}\d-take_\d$/) })
      expect(await dataset.load(at)).toEqual(await originals.load(at))
    }
    await dataset.close!()
    await originals.close!()
    // A run that was interrupted goes on: what is there is kept, what is not is made again, and all is as it was.
    const before = await contentOf(output)
    await rm(join(output, 'shard-000001.tar'))
    await rm(join(output, 'index.jsonl'))
    await writeShards(clips, { output, shardBytes: 5000 })
    expect(await contentOf(output)).toEqual(before)
  })

  it('are made again for recordings that have changed, and shards of an earlier, longer list are not in the index', async () => {
    const source = join(folder, 'changing')
    const output = join(folder, 'changed')
    await mkdir(source)
    const clips = Array.from({ length: 4 }, (_, at) => ({ path: join(source, `${at}.wav`), text: `text ${at}` }))
    for (const { path } of clips) await writeFile(path, wave(800))
    await writeShards(clips, { output, shardBytes: 3000 })
    // Each file is as long as before: one has other samples and a later time, one another text.
    const louder = encodeWav(new Float32Array(800).fill(0.25), 16000)
    await writeFile(clips[0]!.path, louder)
    const later = new Date(Date.now() + 5000)
    await utimes(clips[0]!.path, later, later)
    const changed = clips.slice(0, 2).map((clip, at) => ({ ...clip, text: `TEXT ${at}` }))
    const index = await writeShards(changed, { output, shardBytes: 3000 })
    expect(index).toMatchObject({ shards: 1, clips: 2 })
    const manifest = await readManifest(index.manifest)
    expect([...manifest].map(({ text }) => text)).toEqual(['TEXT 0', 'TEXT 1'])
    const { offset, bytes } = manifest.clip(0)
    const shard = await readFile(join(output, 'shard-000000.tar'))
    expect(shard.subarray(offset!, offset! + bytes!).equals(louder)).toBe(true)
  })

  it('are not read whole where a list says where a recording begins and not how long it is', async () => {
    const output = join(folder, 'no-length')
    await mkdir(output)
    await writeFile(join(output, '0.tar'), await tarOf([['1.wav', wave(500)]]))
    const clip = { path: join(output, '0.tar'), samples: 500, offset: 512 }
    await writeFile(join(output, 'list.jsonl'), JSON.stringify(clip))
    const dataset = manifestDataset(await readManifest(join(output, 'list.jsonl')))
    await expect(dataset.load(0)).rejects.toMatchObject({ file: clip.path, field: 'bytes' })
    await dataset.close!()
  })

  const readManifestOf = async (clips: readonly { path: string }[]) => {
    const file = join(folder, 'list.jsonl')
    await writeFile(file, clips.map(({ path }, at) => JSON.stringify({ path, samples: 800 + 100 * at })).join('\n'))
    return readManifest(file)
  }

  const contentOf = async (path: string) =>
    Promise.all(
      (await readdir(path)).sort().map(async (name) => [name, (await readFile(join(path, name))).toString('base64')]),
    )

  it('made elsewhere are indexed: texts from .txt or .json, broken recordings listed', async () => {
    const output = join(folder, 'elsewhere')
    await mkdir(output)
    const files = [
      ['a/1.wav', wave(500)],
      ['a/1.txt', 'one\n'],
      ['a/2.json', '{"text":"two","speaker":"cy","duration":0.5,"path":"/etc/passwd","nested":{"x":1}}'],
      ['a/2.left.txt', 'no'],
      ['a/2.wav', wave(700)],
      ['a/3.wav', 'no recording'],
      ['a/4.txt', 'no recording beside'],
    ] as const
    await writeFile(join(output, '0.tar'), await tarOf(files))
    await cp(join(output, '0.tar'), join(output, '1.tar'))
    const index = await indexShards(output, { sampleRate: 8000 })
    expect(index).toMatchObject({ shards: 2, clips: 4 })
    expect(index.skipped.map(({ path }) => path)).toEqual(
      ['0', '0', '1', '1'].map(
        (shard, at) => `${join(output, shard)}.tar: a/${3 + (at % 2)}.${at % 2 ? 'txt' : 'wav'}`,
      ),
    )
    const manifest = await readManifest(index.manifest)
    expect(manifest.clip(0)).toMatchObject({ path: join(output, '0.tar'), text: 'one', samples: 250, bytes: 1044 })
    expect(manifest.clip(3)).toMatchObject({ path: join(output, '1.tar'), text: 'two', speaker: 'cy', samples: 350 })
    expect(manifest.clip(3).fields).toEqual({ duration: '0.5', key: 'a/2' })
  })

  it('of another length than their index says are refused', async () => {
    const output = join(folder, 'cut')
    await mkdir(output)
    await writeFile(join(output, '0.tar'), await tarOf([['1.wav', wave(5000)]]))
    const { manifest } = await indexShards(output)
    await writeFile(join(output, '0.tar'), (await readFile(join(output, '0.tar'))).subarray(0, 4000))
    const dataset = manifestDataset(await readManifest(manifest))
    await expect(dataset.load(0)).rejects.toThrow(
      /0\.tar: it should have 10044 bytes from byte 512 on, but there are 3488/,
    )
    await dataset.close!()
  })

  it('that are none are refused', async () => {
    await expect(indexShards(join(folder, 'nothing'))).rejects.toThrow(/nothing: there is no such file/)
    await mkdir(join(folder, 'empty'))
    await expect(indexShards(join(folder, 'empty'))).rejects.toThrow(/no shards/)
  })
})
