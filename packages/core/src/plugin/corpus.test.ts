import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCorpus, openManifest } from './corpus'

let root: string
const at = (...parts: string[]) => join(root, ...parts)
const texts = (manifest: Iterable<{ text?: string }> | undefined) => manifest && [...manifest].map(({ text }) => text)

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'babble-corpus-'))
  mkdirSync(at('parts'))
  mkdirSync(at('whole'))
  writeFileSync(at('parts/train.jsonl'), '{"path":"a.wav","text":"one"}\n{"path":"b.wav","text":"two"}\n')
  writeFileSync(at('parts/valid.jsonl'), '{"path":"c.wav","text":"three"}\n')
  writeFileSync(at('parts/test.jsonl'), '{"path":"d.wav","text":"four"}\n')
  const rows = [
    'path\ttext\tsplit',
    'a.wav\tone\ttrain-clean',
    'b.wav\ttwo\tdev',
    'c.wav\tthree\ttest',
    'd.wav\tfour\ttrain',
  ]
  writeFileSync(at('whole/manifest.tsv'), rows.join('\n'))
  writeFileSync(at('plain.tsv'), 'path\ttext\na.wav\tone\n')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('openCorpus', () => {
  it('takes the files of the parts in a folder', async () => {
    const { train, valid, fingerprint } = await openCorpus(at('parts'))
    expect(texts(train)).toEqual(['one', 'two'])
    expect(texts(valid)).toEqual(['three'])
    expect(fingerprint).toMatchObject({ manifest: at('parts/train.jsonl'), recordings: 2 })
    expect(fingerprint.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('divides one manifest by the column split', async () => {
    for (const path of [at('whole'), at('whole/manifest.tsv')]) {
      const { train, valid } = await openCorpus(path)
      expect(texts(train)).toEqual(['one', 'four'])
      expect(texts(valid)).toEqual(['two'])
    }
    expect(texts((await openCorpus(at('whole'), { split: 'test' })).train)).toEqual(['three'])
  })

  it('trains on all of a manifest that knows no parts, and holds out what is named', async () => {
    const { train, valid } = await openCorpus(at('plain.tsv'))
    expect(texts(train)).toEqual(['one'])
    expect(valid).toBeUndefined()
    expect(texts((await openCorpus(at('plain.tsv'), { valid: at('parts/valid.jsonl') })).valid)).toEqual(['three'])
  })

  it('lists the parts there are when the one asked for is not', async () => {
    await expect(openCorpus(at('whole'), { split: 'unlabelled' })).rejects.toThrow(
      'no recording is of the part "unlabelled". There are dev, test, train, train-clean: name one with --split.',
    )
    await expect(openCorpus(at('parts'), { split: 'other' })).rejects.toThrow(
      'the folder holds no other.jsonl, other.tsv or manifest.tsv, only test.jsonl, train.jsonl, valid.jsonl.',
    )
  })
})

describe('openManifest', () => {
  it('takes the test part where nothing is said, else all', async () => {
    expect(texts(await openManifest(at('parts')))).toEqual(['four'])
    expect(texts(await openManifest(at('whole')))).toEqual(['one', 'two', 'three', 'four'])
    expect(texts(await openManifest(at('whole'), { split: 'dev' }))).toEqual(['two'])
    expect(texts(await openManifest(at('parts'), { split: 'valid' }))).toEqual(['three'])
    expect(texts(await openManifest(at('parts/train.jsonl')))).toEqual(['one', 'two'])
    await expect(openManifest(at('plain.tsv'), { split: 'test' })).rejects.toThrow(
      'no recording is of the part "test". The manifest has no column "split".',
    )
  })
})
