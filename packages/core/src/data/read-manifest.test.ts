import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { HostRng } from '../random/index'
import { readManifest } from './read-manifest'
import { writeManifest } from './write-manifest'

describe('readManifest', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-manifest-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const read = async (content: string, name = 'manifest.tsv') => {
    await writeFile(join(folder, name), content)
    return [...(await readManifest(join(folder, name)))]
  }

  it('reads tab-separated columns by their names', async () => {
    const clips = await read('text\tpath\tsamples\ttake\r\nseven\ta/b.wav\t8000\t3\r\n\r\n\t/c.wav\t\t4\r\n')
    expect(clips).toEqual([
      { path: join(folder, 'a/b.wav'), text: 'seven', samples: 8000, fields: { take: '3' } },
      { path: '/c.wav', text: '', fields: { take: '4' } },
    ])
  })

  it('reads JSON Lines with the same keys', async () => {
    const lines = '{"path":"x.flac","speaker":"ann","samples":12,"split":"train"}\n{"path":"y.flac","text":null}\n'
    const clips = await read(lines, 'list.jsonl')
    expect(clips).toEqual([
      { path: join(folder, 'x.flac'), speaker: 'ann', samples: 12, split: 'train' },
      { path: join(folder, 'y.flac') },
    ])
    expect(await read(lines, 'list.txt')).toEqual(clips)
  })

  it.each([
    ['a header without path', 'file\ttext\na.wav\tx\n', 1],
    ['a row with too few columns', 'path\ttext\na.wav\tx\nb.wav\n', 3],
    ['a length that is no number', 'path\tsamples\na.wav\t-5\n', 2],
    ['an entry without a path', '{"path":"a.wav"}\n{"text":"b"}\n', 2],
    ['a line that is not JSON', '{"path":"a.wav"}\n{"path":\n', 2],
  ])('names file and line of %s', async (_, content, line) => {
    const error = await read(content).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataError)
    expect((error as DataError).file).toBe(`${join(folder, 'manifest.tsv')}:${line}`)
  })

  it('refuses an empty list and a missing file', async () => {
    await expect(read('path\n')).rejects.toThrow(DataError)
    await expect(readManifest(join(folder, 'none.tsv'))).rejects.toThrow(DataError)
  })

  it("reads fairseq's manifests, whose first line is the folder, and AV-HuBERT's", async () => {
    expect(await read('/data\na/b.flac\t16000\nc.wav\t5\n')).toEqual([
      { path: '/data/a/b.flac', samples: 16000 },
      { path: '/data/c.wav', samples: 5 },
    ])
    expect(await read('.\nid1\tv/1.mp4\ta/1.wav\t75\t47648\n')).toEqual([
      { path: join(folder, 'a/1.wav'), samples: 47648, fields: { id: 'id1', video: 'v/1.mp4', videoFrames: '75' } },
    ])
    await expect(read('/data\na.flac\n')).rejects.toThrow(/tsv:2: 1 columns/)
    await expect(read('/data\na.flac\t1.5\n')).rejects.toThrow(/tsv:2: "1\.5" is not a number of samples/)
  })

  it('joins label files line by line, and refuses another number of lines', async () => {
    await writeFile(join(folder, 'train.wrd'), 'HELLO WORLD\n\nBYE')
    await writeFile(join(folder, 'train.tsv'), '/d\na.flac\t1\nb.flac\t2\nbad\nc.flac\t3\n')
    const file = join(folder, 'train.tsv')
    await expect(readManifest(file, { textFrom: 'wrd' })).rejects.toThrow(/train\.tsv:4/)
    await expect(readManifest(file, { textFrom: 'wrd', onBadLine: 'skip' })).rejects.toThrow(
      /train\.wrd: 3 lines, but the manifest \S+train\.tsv has 4 entries/,
    )
    await writeFile(join(folder, 'train.wrd'), 'HELLO WORLD\n\nNOT USED\nBYE\n')
    const manifest = await readManifest(file, { textFrom: 'wrd', onBadLine: 'skip' })
    expect([...manifest].map(({ text }) => text)).toEqual(['HELLO WORLD', '', 'BYE'])
    expect(manifest.skipped.count).toBe(1)
    expect(manifest.skipped.first[0]).toMatch(/train\.tsv:4: 1 columns/)
  })

  it('skips and counts bad lines where that is asked for, but not a bad header', async () => {
    const file = join(folder, 'some.jsonl')
    await writeFile(
      file,
      '{"path":"a.wav"}\n[1]\n{"path":"b.wav","samples":"x"}\n{"path":"c\\u0000"}\n\xff\n{"path":"d.wav"}',
      'latin1',
    )
    const manifest = await readManifest(file, { onBadLine: 'skip' })
    expect([...manifest].map(({ path }) => path)).toEqual([join(folder, 'a.wav'), join(folder, 'd.wav')])
    expect(manifest.skipped).toEqual({
      count: 4,
      first: [
        `${file}:2: the line is not a JSON object.`,
        `${file}:3: "x" is not a number of samples.`,
        `${file}:4: the path has a zero byte.`,
        `${file}:5: the line is not UTF-8 text.`,
      ],
    })
    await writeFile(join(folder, 'header.tsv'), 'a\tb\n')
    await expect(readManifest(join(folder, 'header.tsv'), { onBadLine: 'skip' })).rejects.toThrow(/header\.tsv:1/)
  })

  it('gives parts without copying columns, and keeps them small', async () => {
    const file = join(folder, 'many.jsonl')
    const line = (at: number) =>
      JSON.stringify({
        path: `speaker${Math.floor(at / 1000)}/chapter${Math.floor(at / 100)}/utterance-${at}.flac`,
        samples: 200_000 + at,
        speaker: `${at % 40}`,
        split: at % 10 === 0 ? 'valid' : 'train',
      })
    await writeFile(file, Array.from({ length: 30_000 }, (_, at) => line(at)).join('\n'))
    const manifest = await readManifest(file)
    expect(manifest.length).toBe(30_000)
    // Name (20 bytes) and its place, folder, length, speaker, split.
    expect(manifest.byteLength / manifest.length).toBeLessThan(40)
    const valid = manifest.split('valid')
    expect(valid.length).toBe(3000)
    expect(valid.clip(7)).toEqual(manifest.clip(70))
    expect(valid.select((index) => valid.samples(index)! > 229_000).length).toBe(99)
    expect(() => manifest.split('none')).toThrow(DataError)
    expect(() => manifest.clip(30_000)).toThrow(RangeError)
    expect(manifest.columns).toEqual(['path', 'samples', 'speaker', 'split'])
  })

  it.each(['tsv', 'jsonl', 'fairseq'] as const)('reads what is written as %s', async (format) => {
    const clips = [
      {
        path: join(folder, 'a/1.wav'),
        samples: 10,
        ...(format === 'fairseq' ? {} : { text: 'ÄÖ  x', offset: 0, bytes: 7 }),
      },
      { path: '/elsewhere/2.wav', samples: 20, ...(format === 'fairseq' ? {} : { fields: { take: '2' } }) },
    ]
    const file = join(folder, 'written.list')
    await writeManifest(file, clips, { format })
    const read = [...(await readManifest(file, { format }))]
    expect(read).toEqual(
      format === 'tsv'
        ? [
            { ...clips[0], fields: { take: '' } },
            { ...clips[1], text: '' },
          ]
        : clips,
    )
    if (format === 'jsonl') return
    const bad = { path: join(folder, 'a\tb.wav'), samples: 1 }
    await expect(writeManifest(file, [bad], { format })).rejects.toThrow(/has a tab or a line end/)
    expect([...(await readManifest(file, { format }))]).toEqual(read)
  })

  it('takes 10,000 mutated manifests: typed errors that name the file, or clips', async () => {
    const texts = [
      'path\ttext\tsamples\nx/a.wav\thello you\t16000\nb.wav\t\t5\n',
      '{"path":"a.wav","samples":5,"text":"hi","extra":{"a":[1]}}\n{"path":"b.wav","speaker":null}\n',
      '/data\nx/a.flac\t16000\nb.flac\t77\n',
      '/\nid\tv.mp4\ta.wav\t75\t47648\n',
    ].map((text) => Buffer.from(text))
    const tokens = [
      '\t',
      '\n',
      '\r\n',
      '"',
      '{',
      '}',
      '[',
      '\\u0000',
      '\\ud800',
      '-1',
      '99999999999999999999',
      '1e9',
      '\0',
      '\xff',
      'path',
      '__proto__',
      ':',
      ',',
      '../',
      'null',
    ]
    const rng = new HostRng(2, 'manifests')
    let [refused, accepted] = [0, 0]
    for (let round = 0; round < 10_000; round++) {
      let bytes = texts[rng.int(texts.length)]!
      for (let change = rng.int(5); change >= 0; change--) {
        const at = rng.int(bytes.length + 1)
        const token =
          rng.int(3) === 0 ? Buffer.of(rng.int(256)) : Buffer.from(tokens[rng.int(tokens.length)]!, 'latin1')
        bytes = Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(Math.min(bytes.length, at + rng.int(6)))])
      }
      const onBadLine = rng.int(2) === 0 ? 'skip' : 'refuse'
      try {
        const manifest = await readManifest({ file: 'mutated', bytes }, { onBadLine })
        for (const clip of manifest) {
          expect(isAbsolute(clip.path) && !clip.path.includes('\0')).toBe(true)
          if (clip.samples !== undefined) expect(Number.isSafeInteger(clip.samples) && clip.samples >= 0).toBe(true)
        }
        accepted++
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        expect((error as DataError).file).toMatch(/^mutated(:\d+)?$/)
        refused++
      }
    }
    expect(Math.min(refused, accepted)).toBeGreaterThan(1000)
    expect({}).not.toHaveProperty('polluted')
  })
})
