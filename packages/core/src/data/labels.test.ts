import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { HostRng } from '../random/index'
import { checkLabelRate, findLabelMismatches, fromLetters, readFrameLabels, readLabels, toLetters } from './labels'
import { readManifest } from './read-manifest'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-labels-'))
})
afterAll(() => rm(folder, { recursive: true }))
const write = async (name: string, content: string | Buffer) => {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

describe('label files', () => {
  it('have a line of text for each utterance, empty ones too', async () => {
    const labels = await readLabels(await write('a.wrd', 'HELLO YOU\r\n\nBYE\n'), 3)
    expect(Array.from({ length: labels.length }, (_, row) => labels.at(row))).toEqual(['HELLO YOU', '', 'BYE'])
    await expect(readLabels(join(folder, 'a.wrd'), 4)).rejects.toThrow(
      /a\.wrd: 3 lines, but the manifest has 4 entries/,
    )
    const broken = await write('b.wrd', Buffer.from([0x41, 0x0a, 0xff, 0x0a]))
    await expect(readLabels(broken)).rejects.toThrow(/b\.wrd:2: the line is not UTF-8/)
  })

  it('have a class for each frame, however large', async () => {
    const file = await write('a.km', '3 3 17\n\n 65535  65536 0 \n499')
    const labels = await readFrameLabels(file, 4)
    expect(Array.from({ length: 4 }, (_, row) => [...labels.at(row)])).toEqual([
      [3, 3, 17],
      [],
      [65535, 65536, 0],
      [499],
    ])
    expect([labels.count(2), labels.classes]).toEqual([3, 65537])
    expect(() => labels.at(4)).toThrow(RangeError)
  })

  it.each([
    ['1 2\n3 x 4\n', /bad\.km:2: .*column 3/],
    ['1 -2\n', /bad\.km:1/],
    ['1.5\n', /bad\.km:1/],
    ['99999999999\n', /bad\.km:1: a class is larger/],
  ])('with %j are refused', async (content, message) => {
    await expect(readFrameLabels(await write('bad.km', content))).rejects.toThrow(message)
  })

  it('take 10,000 mutations with typed errors or whole numbers', async () => {
    const rng = new HostRng(3, 'labels')
    const good = Buffer.from('12 7 7 400\n0 1\n\n65536 3\n')
    for (let round = 0; round < 10_000; round++) {
      const bytes = Buffer.from(good)
      for (let change = rng.int(4); change >= 0; change--)
        bytes[rng.int(bytes.length)] = rng.int(2) ? rng.int(256) : 0x30 + rng.int(10)
      try {
        const labels = await readFrameLabels({ file: 'mutated.km', bytes })
        for (let row = 0; row < labels.length; row++)
          for (const value of labels.at(row)) expect(value < labels.classes && value >= 0).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        expect((error as DataError).file).toMatch(/^mutated\.km:\d+$/)
      }
    }
  })

  it('that last for another time than the audio are found, as with a wrong rate', async () => {
    const manifest = await readManifest(await write('m.tsv', '/d\na.wav\t16000\nb.wav\t32000\n'))
    const line = (frames: number) => new Array(frames).fill('5').join(' ')
    const labels = await readFrameLabels(await write('m.km', `${line(49)}\n${line(99)}\n`))
    expect(findLabelMismatches(manifest, labels, { labelRate: 50 })).toEqual([])
    expect(findLabelMismatches(manifest, labels, { labelRate: 100 }).map(({ index }) => index)).toEqual([0, 1])
    const check = () => checkLabelRate(manifest, labels, { labelRate: 100 })
    expect(check).toThrow(
      /m\.km:1: 49 labels are 0\.49 s at 100 a second, but \/d\/a\.wav lasts 1\.00 s; so it is for 2 of 2 lines/,
    )
  })
})

describe('letters', () => {
  it('are spelt out and put together', () => {
    expect(toLetters("HI  IT'S")).toBe("H I | I T ' S |")
    expect(fromLetters("H I | I T ' S |")).toBe("HI IT'S")
    expect([toLetters(''), fromLetters('')]).toEqual(['', ''])
  })
})
