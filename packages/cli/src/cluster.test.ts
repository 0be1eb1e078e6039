import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from './testing/run-command'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'babble-quality-'))
  mkdirSync(join(folder, 'aligned/s1'), { recursive: true })
  // Two recordings of 0.1 s, five clusters each; the third has no alignment.
  writeFileSync(join(folder, 'valid.tsv'), '/corpus\ns1/a.wav\t1600\ns1/b.wav\t1600\ns1/c.wav\t1600\n')
  writeFileSync(join(folder, 'short.tsv'), '/corpus\ns1/a.wav\t1600\n')
  writeFileSync(join(folder, 'valid.km'), '4 4 4 2 2\n2 2 7 7 7\n9 9 9 9 9\n')
  writeFileSync(join(folder, 'valid.phn'), 'a a a b b\nb b b c c\nc c c c c\n')
  const grid = (...intervals: string[]) =>
    `"ooTextFile" "TextGrid" 0 0.1 <exists> 1 "IntervalTier" "phones" 0 0.1 ${intervals.length} ${intervals.join(' ')}`
  writeFileSync(join(folder, 'aligned/s1/a.TextGrid'), grid('0 0.06 "a"', '0.06 0.1 "b"'))
  writeFileSync(join(folder, 'aligned/s1/b.TextGrid'), grid('0 0.04 "b"', '0.04 0.08 "c"', '0.08 0.1 ""'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const quality = (line: string) => runCommand(`cluster quality ${line}`.split(' '), { cwd: folder })

describe('babble cluster quality', () => {
  it('compares clusters with a unit for each frame', async () => {
    const { out, code } = await quality('valid.km --reference valid.phn --rate 50 --reference-rate 50 --json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ frames: 15, units: 3, clusters: 4, purity: 14 / 15 })
  })

  it('compares clusters with alignments of the recordings, and says how much they cover', async () => {
    const { out } = await quality('valid.km --alignments aligned --data valid.tsv')
    expect(out).toContain('purity          1.0000')
    expect(out).toContain('9 frames, 3 units, 3 clusters in use')
    expect(out).toContain('2 of 3 utterances have an alignment, which covers 90.0 % of their frames')
  })

  it.each([
    ['valid.km', 2, 'there must be one reference. Name a file with --reference'],
    ['valid.km --reference valid.phn --alignments aligned', 2, 'there must be one reference'],
    ['valid.km --alignments aligned', 2, 'alignments are found by the names of recordings. Name their manifest'],
    ['valid.km --alignments aligned --data valid.tsv --rate fast', 2, '--rate is "fast". Give labels a second'],
    [
      'valid.km --alignments aligned --data short.tsv',
      1,
      'valid.km: 3 lines of labels for the 1 recordings of short.tsv.',
    ],
    ['valid.km --alignments aligned --data valid.tsv --tier words', 1, 'a.TextGrid: the TextGrid has no tier "words"'],
    ['valid.phn --reference valid.phn', 1, 'valid.phn:1: labels are whole numbers from 0 on'],
  ])('refuses %s', async (line, expected, message) => {
    const { err, code } = await quality(line)
    expect(err).toContain(message)
    expect(code).toBe(expected)
  })
})
