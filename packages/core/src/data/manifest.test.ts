import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { readManifest } from './manifest'

describe('readManifest', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-manifest-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const read = async (content: string, name = 'manifest.tsv') => {
    await writeFile(join(folder, name), content)
    return readManifest(join(folder, name))
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
})
