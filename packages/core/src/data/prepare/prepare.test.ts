import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../../audio/index'
import { ConfigError, DataError } from '../../errors'
import { findFfmpeg } from '../../video/index'
import { readManifest } from '../read-manifest'
import { gridSentence } from './grid'
import { detectLayout, prepareCorpus } from './index'
import { divide } from './splits'

const wave = (samples: number, rate = 16000) => encodeWav(new Float32Array(samples).fill(0.1), rate)

let folder: string
let trees = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-prepare-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A folder with these files. */
const tree = async (files: Record<string, string | Uint8Array>): Promise<string> => {
  const root = join(folder, `tree-${trees++}`)
  await mkdir(root)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  return root
}
const output = () => join(folder, `output-${trees++}`)
const read = (path: string) => readFile(path, 'utf8')

describe('prepareCorpus', () => {
  it('LibriSpeech: splits, transcripts and speakers; what does not fit is listed', async () => {
    const source = await tree({
      'train-clean-100/103/1240/103-1240.trans.txt':
        '103-1240-0000 CHAPTER ONE\n103-1240-0001  MISSUS  LYNDE\n103-1240-0002 GONE\n',
      'train-clean-100/103/1240/103-1240-0000.wav': wave(1600),
      'train-clean-100/103/1240/103-1240-0001.wav': wave(800, 8000),
      'train-clean-100/104/1/104-1-0000.wav': wave(100),
      'train-clean-100/104/1/104-1-0001.wav': 'broken',
      'train-clean-100/104/1/104-1-0002.wav': wave(3200),
      'train-clean-100/104/1/104-1.trans.txt': '104-1-0001 BROKEN\n104-1-0002 YES\n',
      'dev-clean/84/2/84-2-0000.wav': wave(4800),
      'dev-clean/84/2/84-2.trans.txt': '84-2-0000 I AM',
      'SPEAKERS.TXT': 'not a recording',
    })
    expect(await detectLayout(source)).toBe('librispeech')
    const out = output()
    const summary = await prepareCorpus({ source, output: out })
    expect(summary.splits['train-clean-100']).toMatchObject({
      clips: 3,
      speakers: 2,
      words: 5,
      transcribed: 3,
      seconds: 0.4,
    })
    expect(summary.splits['dev-clean']).toMatchObject({ clips: 1, speakers: 1, words: 2 })
    const train = await readManifest(join(out, 'train-clean-100.jsonl'))
    expect(train.clip(1)).toEqual({
      path: join(source, 'train-clean-100/103/1240/103-1240-0001.wav'),
      samples: 1600,
      speaker: '103',
      text: 'MISSUS LYNDE',
      split: 'train-clean-100',
      fields: { id: '103-1240-0001' },
    })
    const fairseq = join(out, 'train-clean-100.tsv')
    expect(await read(fairseq)).toBe(
      `${source}\n${['103/1240/103-1240-0000', '103/1240/103-1240-0001'].map((id) => `train-clean-100/${id}.wav\t1600\n`).join('')}train-clean-100/104/1/104-1-0002.wav\t3200\n`,
    )
    expect([...(await readManifest(fairseq, { textFrom: 'wrd' }))].map(({ text }) => text)).toEqual([
      'CHAPTER ONE',
      'MISSUS LYNDE',
      'YES',
    ])
    expect(await read(join(out, 'train-clean-100.ltr'))).toBe(
      'C H A P T E R | O N E |\nM I S S U S | L Y N D E |\nY E S |\n',
    )
    expect(summary.skipped.count).toBe(3)
    const skipped = await read(summary.skipped.file)
    expect(skipped).toContain('103-1240.trans.txt:3\tThere is no recording 103-1240-0002 beside it.')
    expect(skipped).toContain('104-1-0000.wav\tNo .trans.txt has its transcript.')
    expect(skipped).toMatch(/104-1-0001\.wav\t.*104-1-0001\.wav: /)
    expect(JSON.parse(await read(join(out, 'summary.json')))).toEqual(summary)
    expect((await readdir(out)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('GRID: sound, picture and alignment belong together by talker and code, in either way to lay them out', async () => {
    const align = '0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 sp\n35500 41000 f\n'
    const original = await tree({
      'audio/s1/bbaf2n.wav': wave(1600),
      'align/s1/bbaf2n.align': align,
      'audio/s2/pwaj7s.wav': wave(3200),
      'audio/s2/notacode.wav': wave(3200),
      'align/s3/lgbm5a.align': align,
    })
    expect(await detectLayout(original)).toBe('grid')
    const summary = await prepareCorpus({ source: original, output: output(), textCase: 'upper' })
    const texts = [...(await readManifest(summary.splits.train!.manifest))].map(({ speaker, text }) => [speaker, text])
    expect(texts).toEqual([
      ['s1', 'BIN BLUE F'],
      ['s2', 'PLACE WHITE AT J SEVEN SOON'],
    ])
    expect(
      (await read(summary.skipped.file))
        .split('\n')
        .slice(1, 3)
        .map((line) => line.split('\t')[1]),
    ).toEqual(['There is no recording for it.', 'It has no alignment, and its name is no sentence code.'])
    const flat = await tree({
      'audio/s1_bbaf2n.wav': wave(1600),
      'align/s1_bbaf2n.align': align,
      'align/s1_x.align': 'bin blue',
    })
    expect((await prepareCorpus({ source: flat, output: output() })).splits.train).toMatchObject({ clips: 1, words: 3 })
    expect(gridSentence('bbaf2n')).toBe('bin blue at f two now')
    expect(gridSentence('bbaw2n')).toBeUndefined()
  })

  it('LRS3: text after "Text:", split and speaker from the folders', async () => {
    const source = await tree({
      'trainval/0Fi83BHQsMA/00002.wav': wave(1600),
      'trainval/0Fi83BHQsMA/00002.txt': 'Text:  THAT IS  ALL\nConf:  4\n\nWORD START END ASDSCORE\nTHAT 0.1 0.2 3.5\n',
      'test/aBc/00001.wav': wave(1600),
      'test/aBc/00001.txt': 'Text:  YES',
      'test/aBc/00003.wav': wave(1600),
      'test/aBc/00003.txt': 'no such line',
      'test/aBc/00004.wav': wave(1600),
    })
    expect(await detectLayout(source)).toBe('lrs3')
    const summary = await prepareCorpus({ source, output: output() })
    expect(Object.entries(summary.splits).map(([name, { clips, words }]) => [name, clips, words])).toEqual([
      ['test', 1, 1],
      ['trainval', 1, 3],
    ])
    expect(summary.skipped.first.map(({ reason }) => reason)).toEqual([
      'It has no line "Text:".',
      'There is no .txt beside it.',
    ])
  })

  it('a plain folder: transcripts beside recordings, in a list, or none', async () => {
    const source = await tree({
      'ann/a.wav': wave(1600),
      'ann/a.txt': ' hello\n you ',
      'bob/b.wav': wave(320),
      'bob/b.lab': 'bye',
      'bob/c.wav': wave(1600),
      '.hidden/d.wav': wave(1600),
    })
    await symlink(source, join(source, 'bob', 'circle'))
    expect(await detectLayout(source)).toBe('folder')
    const summary = await prepareCorpus({ source, output: join(source, 'prepared'), minSamples: 400 })
    expect(summary.splits.train).toMatchObject({ clips: 2, transcribed: 1, speakers: 2 })
    expect(summary.splits.train!.files.map((file) => file.split('.').at(-1))).toEqual(['jsonl', 'tsv'])
    expect(summary.skipped.first).toEqual([{ path: join(source, 'bob/b.wav'), reason: '320 samples, fewer than 400.' }])

    await writeFile(
      join(source, 'manifest.tsv'),
      'path\ttext\tsplit\nann/a.wav\tone\ttest\nbob/c.wav\ttwo\ttrain\nbob/e.wav\tx\ttest\n',
    )
    const listed = await prepareCorpus({ source, output: join(source, 'prepared') })
    expect(Object.keys(listed.splits)).toEqual(['test', 'train'])
    expect((await readManifest(listed.splits.test!.manifest)).clip(0)).toMatchObject({ text: 'one' })
    expect(listed.skipped.count).toBe(2)
    // What the first run wrote, its own recordings included, is neither read nor left over.
    expect((await readdir(join(source, 'prepared'))).sort()).toEqual(
      [
        'skipped.tsv',
        'summary.json',
        ...['test', 'train'].flatMap((split) => ['jsonl', 'ltr', 'tsv', 'wrd'].map((kind) => `${split}.${kind}`)),
      ].sort(),
    )
  })

  it('replaces what an earlier run wrote in this folder, and touches no other that an old summary names', async () => {
    const source = await tree({ 'a.wav': wave(1600) })
    const out = output()
    await mkdir(out)
    const near = `${out}-2`
    await mkdir(near)
    await writeFile(join(near, 'valid.tsv'), 'mine')
    await writeFile(join(out, 'valid.tsv'), 'of an earlier run')
    const files = [join(near, 'valid.tsv'), join(out, 'valid.tsv'), 7]
    await writeFile(join(out, 'summary.json'), JSON.stringify({ splits: { valid: { files } } }))
    await prepareCorpus({ source, output: out })
    expect(await read(join(near, 'valid.tsv'))).toBe('mine')
    expect(await readdir(out)).not.toContain('valid.tsv')
    await writeFile(join(out, 'summary.json'), '{ half a summ')
    expect((await prepareCorpus({ source, output: out })).splits.train!.clips).toBe(1)
  })

  it('gives each split files of its own, whatever its name, and takes an empty name for none', async () => {
    const names = ['訓練', '検証', 'a b', 'a_b', 'a/b', '']
    const source = await tree({
      ...Object.fromEntries(names.map((_, at) => [`${at}.wav`, wave(1000 + at)])),
      'manifest.tsv': `path\tsplit\n${names.map((name, at) => `${at}.wav\t${name}\n`).join('')}`,
    })
    const { splits } = await prepareCorpus({ source, output: output() })
    expect(Object.keys(splits).sort()).toEqual([...names.filter(Boolean), 'train'].sort())
    for (const [at, name] of names.entries()) {
      const clips = [...(await readManifest(splits[name || 'train']!.manifest))]
      expect(clips.map(({ samples }) => samples)).toEqual([1000 + at])
    }
  })

  it('goes on after an interruption without looking at the same files again', async () => {
    const source = await tree(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${at}.wav`, wave(1000 + at)])))
    const out = output()
    const stop = new AbortController()
    const first = prepareCorpus({
      source,
      output: out,
      signal: stop.signal,
      onProgress: (done) => done === 20 && stop.abort(new Error('stopped')),
    })
    await expect(first).rejects.toThrow('stopped')
    expect(await readdir(out)).toEqual(['.prepare.jsonl'])
    // Half a line, as a killed process leaves it.
    const journal = (await read(join(out, '.prepare.jsonl'))).trimEnd()
    const known = journal.split('\n').length
    expect(known).toBeGreaterThanOrEqual(15)
    await writeFile(join(out, '.prepare.jsonl'), `${journal}\n["${source}/39.w`)
    // A file that is known is believed as long as its size and time are the same: then damage to it is not seen.
    const [path] = JSON.parse(journal.split('\n')[0]!) as [string]
    const stamp = Number((JSON.parse(journal.split('\n')[0]!) as string[])[1]!.split(' ')[1])
    const size = (await readFile(path)).length
    await writeFile(path, new Uint8Array(size))
    await utimes(path, stamp / 1000, stamp / 1000)
    const summary = await prepareCorpus({ source, output: out })
    expect(summary.splits.train!.clips).toBeGreaterThanOrEqual(39)
    expect((await readdir(out)).includes('.prepare.jsonl')).toBe(false)
  })

  it('draws splits by seed, speakers kept together', async () => {
    const clips = Array.from({ length: 200 }, (_, at) => ({ path: `${at}.wav`, speaker: `speaker ${at % 25}` }))
    const splits = { valid: 0.1, test: 0.2 }
    const drawn = divide(clips, { splits, seed: 3 })
    expect(drawn).toEqual(divide(clips, { splits, seed: 3 }))
    expect(drawn).not.toEqual(divide(clips, { splits, seed: 4 }))
    const count = (of: string[], name: string) => of.filter((split) => split === name).length
    expect([count(drawn, 'valid'), count(drawn, 'test')]).toEqual([24, 40].map((n) => expect.closeTo(n, -1.2)))
    for (const speaker of new Set(clips.map((clip) => clip.speaker))) {
      expect(new Set(drawn.filter((_, at) => clips[at]!.speaker === speaker)).size).toBe(1)
    }
    expect(count(divide(clips, { splits, splitBy: 'utterance' }), 'test')).toBe(40)
    expect(() => divide(clips, { splits: { valid: 1 } })).toThrow(ConfigError)
    expect(() => divide(clips.slice(0, 2), { splits })).toThrow(ConfigError)
  })

  it('refuses what is no corpus', async () => {
    const empty = await tree({ 'a.txt': 'x' })
    await expect(detectLayout(empty)).rejects.toThrow(/there are no recordings in it/)
    await expect(prepareCorpus({ source: join(folder, 'none'), output: output() })).rejects.toThrow(
      /none: there is no such file/,
    )
    await expect(prepareCorpus({ source: join(empty, 'a.txt'), output: output() })).rejects.toThrow(/not a folder/)
    const broken = await tree({ 'a.wav': 'x' })
    await expect(prepareCorpus({ source: broken, output: output() })).rejects.toThrow(
      /none of its 1 recordings can be used.*a\.wav/,
    )
    await expect(prepareCorpus({ source: broken, output: output(), layout: 'librispeech' })).rejects.toThrow(DataError)
    await expect(prepareCorpus({ source: broken, output: output(), layout: 'timit' as never })).rejects.toThrow(
      ConfigError,
    )
  })
})

const data = process.env.BABBLE_DATA

describe.skipIf(!data)('prepareCorpus on real recordings', () => {
  it('GRID: all sentences with their pictures', async () => {
    const source = join(data!, 'av')
    const out = output()
    const { layout, splits, skipped } = await prepareCorpus({
      source,
      output: out,
      splits: { valid: 0.1 },
      splitBy: 'utterance',
      textCase: 'upper',
    })
    expect(layout).toBe('grid')
    expect(splits.train!.clips + splits.valid!.clips).toBe(157)
    expect(skipped.count).toBe(0)
    const listed = new Map(
      [...(await readManifest(join(await copyList(source), 'list.tsv')))].map((clip) => [clip.fields!.id, clip]),
    )
    const prepared = [splits.train!, splits.valid!].map(({ manifest }) => readManifest(manifest))
    for (const manifest of await Promise.all(prepared)) {
      for (const { samples, text, fields } of manifest) {
        expect({ samples, text }).toEqual({
          samples: listed.get(fields!.id)!.samples,
          text: listed.get(fields!.id)!.text,
        })
        expect(fields!.video).toContain(`mouth/${fields!.id}.mp4`)
        expect(fields!.videoFrames).toBe(listed.get(fields!.id)!.fields!.frames)
      }
    }
  })

  it('AV-HuBERT: a manifest with pictures, and sound taken out of videos', async () => {
    const source = await tree({})
    const clips = (await readdir(join(data!, 'av', 'clips'))).slice(0, 2)
    await mkdir(join(source, 's1'))
    for (const name of clips) await cp(join(data!, 'av', 'clips', name), join(source, 's1', name.replace('s1_', '')))
    const out = output()
    const codes = clips.map((name) => name.replace('s1_', '').replace('.mpg', ''))
    if (!findFfmpeg()) {
      await expect(prepareCorpus({ source, output: out, layout: 'grid' })).rejects.toThrow(/ffmpeg/)
      return
    }
    await prepareCorpus({ source, output: out, layout: 'grid' })
    const [, ...lines] = (await read(join(out, 'train.tsv'))).trimEnd().split('\n')
    const expected = codes.map((code) => [`s1_${code}`, `s1/${code}.mpg`, join(out, `audio/s1/${code}.wav`), '75'])
    expect(lines.map((line) => line.split('\t').slice(0, 4))).toEqual(expected)
    for (const line of lines) expect(Math.abs(Number(line.split('\t')[4]) - 47_648)).toBeLessThan(2000)
  })

  it.skipIf(!findFfmpeg())('videos of one name and other endings: each has its own sound', async () => {
    const [first, second] = await readdir(join(data!, 'av', 'clips'))
    const source = await tree({})
    await cp(join(data!, 'av', 'clips', first!), join(source, 'a.mpg'))
    await cp(join(data!, 'av', 'clips', second!), join(source, 'a.mpeg'))
    const { splits } = await prepareCorpus({ source, output: output(), layout: 'folder' })
    const paths = [...(await readManifest(splits.train!.manifest))].map(({ path }) => path)
    expect(paths.map((path) => path.split('/').at(-1)).sort()).toEqual(['a.mpeg.wav', 'a.mpg.wav'])
    const [one, other] = await Promise.all(paths.map((path) => readFile(path)))
    expect(one!.equals(other!)).toBe(false)
  })

  const copyList = async (source: string) => {
    const copy = await tree({})
    const text = await read(join(source, 'manifest.tsv'))
    await writeFile(join(copy, 'list.tsv'), text.replace('\taudio\t', '\tpath\t'))
    return copy
  }

  it('LibriSpeech: FLAC in chapters, and the same as a plain folder with a list', async () => {
    const sentences = join(data!, 'sentences')
    const all = (await readManifest(join(sentences, 'manifest.tsv'))).select((index) => index % 10 === 0)
    const files = [...all].filter(({ path }) => /\/\d+-\d+-\d+\.flac$/.test(path))
    const source = await tree({})
    const chapters = new Map<string, string[]>()
    for (const { path, text } of files) {
      const id = path.split('/').at(-1)!.replace('.flac', '')
      const chapter = join(source, 'train', ...id.split('-').slice(0, 2))
      await mkdir(chapter, { recursive: true })
      await cp(path, join(chapter, `${id}.flac`))
      chapters.set(chapter, [...(chapters.get(chapter) ?? []), `${id} ${text}`])
    }
    for (const [chapter, lines] of chapters) {
      await writeFile(join(chapter, `${chapter.split('/').slice(-2).join('-')}.trans.txt`), lines.join('\n'))
    }
    const { layout, splits } = await prepareCorpus({ source, output: output() })
    expect(layout).toBe('librispeech')
    const expected = new Map(files.map(({ path, text, samples }) => [path.split('/').at(-1), { text, samples }]))
    const found = [...(await readManifest(splits.train!.manifest))]
    expect(found.length).toBe(files.length)
    for (const { path, text, samples } of found) expect({ text, samples }).toEqual(expected.get(path.split('/').at(-1)))

    const plain = await prepareCorpus({ source: sentences, output: output() })
    expect(plain.layout).toBe('folder')
    expect(Object.values(plain.splits).reduce((sum, { clips }) => sum + clips, 0)).toBe(291)
    expect(Object.values(plain.splits).reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(3132.4, 0)
    expect(plain.skipped.count).toBe(0)
  })
})
