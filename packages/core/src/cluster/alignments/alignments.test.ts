import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataError } from '../../errors'
import { HostRng } from '../../random/index'
import { openAlignments, readAlignment } from './alignments'
import { readSegmentTable } from './segment-table'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-alignments-'))
})
afterEach(() => rm(folder, { recursive: true }))
const write = async (name: string, content: string | Buffer) => {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}
const grid = (label: string, ...tiers: string[]) => {
  const parts = (tiers.length > 0 ? tiers : ['words', 'phones']).map(
    (name) => `"IntervalTier" "${name}" 0 1 2 0 0.5 "${label}" 0.5 1 "${name}"`,
  )
  return `"ooTextFile" "TextGrid" 0 1 <exists> ${parts.length} ${parts.join(' ')}`
}
const labels = async (segments: Promise<readonly { label: string }[] | undefined>) =>
  (await segments)?.map(({ label }) => label)

describe('openAlignments', () => {
  it("finds a recording's TextGrid by its name, wherever it is", async () => {
    await write('84/121123/84-121123-0000.TextGrid', grid('a'))
    await write('84/84-121123-0001.textgrid', grid('b'))
    await write('84/notes.txt', '')
    const alignments = await openAlignments(folder)
    expect(alignments.size).toBe(2)
    expect(await labels(alignments.segments('/corpus/84-121123-0000.flac'))).toEqual(['a', 'phones'])
    expect(await labels(alignments.segments('/corpus/84-121123-0001.flac'))).toEqual(['b', 'phones'])
    expect(await alignments.segments('/corpus/84-121123-0002.flac')).toBeUndefined()
    const words = await openAlignments(folder, { tier: 'words' })
    expect(await words.segments('84-121123-0000.wav')).toEqual([
      { start: 0, end: 0.5, label: 'a' },
      { start: 0.5, end: 1, label: 'words' },
    ])
  })

  it('takes the whole name where names have dots of their own', async () => {
    const rows = ['utt.1', 'utt.2', 'utt'].map((name, i) => `${name}\t0\t1\tlabel ${i}`)
    const table = await write('table.tsv', ['path\tstart\tend\tlabel', ...rows].join('\n'))
    const alignments = await openAlignments(table)
    expect(await labels(alignments.segments('/corpus/utt.1'))).toEqual(['label 0'])
    expect(await labels(alignments.segments('/corpus/utt.2.wav'))).toEqual(['label 1'])
    expect(await labels(alignments.segments('/corpus/utt.wav'))).toEqual(['label 2'])
  })

  it('tells recordings of one name by their folders, and takes no alignment for two', async () => {
    for (const digit of ['zero', 'one']) await write(`${digit}/1.TextGrid`, grid(digit))
    await write('two/2.TextGrid', grid('two'))
    const alignments = await openAlignments(folder)
    expect(await labels(alignments.segments('/corpus/zero/1.wav'))).toEqual(['zero', 'phones'])
    expect(await labels(alignments.segments('/corpus/one/1.wav'))).toEqual(['one', 'phones'])
    await expect(alignments.segments('/corpus/1.wav')).rejects.toThrow(
      '2 alignments could be meant for /corpus/1.wav: ',
    )
    await alignments.segments('/corpus/two/2.wav')
    await alignments.segments('/corpus/two/2.wav')
    await expect(alignments.segments('/corpus/three/2.wav')).rejects.toThrow(
      'the alignment two/2.TextGrid could be meant for /corpus/two/2.wav and for /corpus/three/2.wav. Keep the alignments in',
    )
  })

  it("finds a speaker's tier, and names the tiers where there is no such, or several", async () => {
    const path = await write('a.TextGrid', grid('x', 'ann - words', 'ann - phones'))
    expect(await labels(readAlignment(path))).toEqual(['x', 'ann - phones'])
    await expect(readAlignment(path, { tier: 'syllables' })).rejects.toThrow(
      'a.TextGrid: the TextGrid has no tier "syllables". Name one of its tiers: "ann - words", "ann - phones".',
    )
    const two = await write('b.TextGrid', grid('x', 'ann - phones', 'bob - phones'))
    await expect(readAlignment(two)).rejects.toThrow('has several tiers "phones"')
    const points = await write('c.TextGrid', '"ooTextFile" "TextGrid" 0 1 <exists> 1 "TextTier" "phones" 0 1 1 0.3 "x"')
    await expect(readAlignment(points)).rejects.toThrow('has only points, no intervals, in tier "phones"')
  })

  it("reads TIMIT's files, in samples", async () => {
    await write('DR1/FCJF0/SA1.PHN', '0 3050 h#\r\n3050 4559 sh\r\n\r\n')
    await write('DR1/FCJF0/SA1.WRD', '3050 5723 she\n')
    const phones = await openAlignments(folder)
    expect(await phones.segments('DR1/FCJF0/SA1.WAV')).toEqual([
      { start: 0, end: 3050 / 16000, label: 'h#' },
      { start: 3050 / 16000, end: 4559 / 16000, label: 'sh' },
    ])
    const words = await openAlignments(folder, { extension: '.wrd', sampleRate: 8000 })
    expect(await words.segments('SA1.WAV')).toEqual([{ start: 3050 / 8000, end: 5723 / 8000, label: 'she' }])
    // A pattern that goes back over the spaces for each of them takes hours.
    const spaces = ' '.repeat(2_000_000)
    const wide = await write('wide.phn', ` 0 10 a${spaces}b${spaces}\n`)
    expect(await labels(readAlignment(wide))).toEqual([`a${spaces}b`])
    const bad = await write('bad.phn', '0 10 a\n10 5 b\n')
    await expect(readAlignment(bad)).rejects.toThrow('bad.phn:2: a line has a first sample')
  })

  it('reads a table of many recordings', async () => {
    const table = await write(
      'phones.tsv',
      'path\tlabel\tstart\tend\textra\na/1.wav\tsil\t0\t0.25\t-\na/1.wav\t\t0.25\t0.5\t-\n\nb/1.wav\tah\t1e-1\t2.\t-\n',
    )
    const alignments = await openAlignments(table)
    expect(alignments.size).toBe(2)
    expect(await alignments.segments('/corpus/a/1.wav')).toEqual([
      { start: 0, end: 0.25, label: 'sil' },
      { start: 0.25, end: 0.5, label: '' },
    ])
    expect(await alignments.segments('/corpus/b/1.wav')).toEqual([{ start: 0.1, end: 2, label: 'ah' }])
    expect(await alignments.segments('/corpus/b/2.wav')).toBeUndefined()
  })

  it.each([
    ['path\tstart\tend\na\t0\t1\n', ':1: the first line names no column label. Begin with path<TAB>start'],
    ['path\tstart\tend\tlabel\na\t0\t1\n', ':2: a line has a path, a start'],
    ['path\tstart\tend\tlabel\na\t0\t-1\tx\n', ':2: a line has a path, a start'],
    ['path\tstart\tend\tlabel\na\t0\t1e999\tx\n', ':2: a line has a path, a start'],
    ['path\tstart\tend\tlabel\na\t2\t1\tx\n', ':2: the segment ends at 1, before it begins at 2.'],
    ['path\tstart\tend\tlabel\na\t0\t1\tx\nb\t0\t1\tx\na\t1\t2\tx\n', ':4: "a" has segments further up, too. Sort'],
  ])('refuses the table %j', async (text, message) => {
    await expect(openAlignments(await write('bad.tsv', text))).rejects.toThrow(`bad.tsv${message}`)
  })

  it('reads UTF-16 with a mark, and refuses what is no text or not there', async () => {
    const little = Buffer.from(`\ufeff${grid('ɑː')}`, 'utf16le')
    expect(await labels(readAlignment(await write('le.TextGrid', little)))).toEqual(['ɑː', 'phones'])
    expect(await labels(readAlignment(await write('be.TextGrid', Buffer.from(little).swap16())))).toEqual([
      'ɑː',
      'phones',
    ])
    const broken = await write('broken.TextGrid', Buffer.from([0x22, 0xff, 0x22]))
    await expect(readAlignment(broken)).rejects.toThrow('broken.TextGrid: this is no text in UTF-8 or UTF-16.')
    await expect(openAlignments(join(folder, 'none'))).rejects.toThrow('there is no such file')
    await mkdir(join(folder, 'empty'))
    await expect(openAlignments(join(folder, 'empty'))).rejects.toThrow('the folder holds no .TextGrid files.')
  })

  it('takes 10,000 mutations of a table with typed errors or with segments in order', async () => {
    const rng = new HostRng(9, 'table')
    const good = Buffer.from('path\tstart\tend\tlabel\na.wav\t0\t0.5\tah\na.wav\t0.5\t0.75\tb\nc.wav\t0\t1\tx\n')
    let taken = 0
    for (let round = 0; round < 10_000; round++) {
      const bytes = Buffer.from(good)
      for (let change = rng.int(3); change >= 0; change--)
        bytes[rng.int(bytes.length)] = rng.int(2) ? rng.int(256) : '\t\n0159.ae'.charCodeAt(rng.int(9))
      try {
        const table = await readSegmentTable({ file: 'mutated', bytes })
        for (const recording of table.recordings)
          for (const { start, end } of table.segments(recording)) expect(start >= 0 && end >= start).toBe(true)
        taken++
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        expect((error as DataError).file).toMatch(/^mutated:\d+$/)
      }
    }
    expect(taken).toBeGreaterThan(500)
  })
})
