import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromLetters, readLabels, toLetters } from './labels'

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
})

describe('letters', () => {
  it('are spelt out and put together', () => {
    expect(toLetters("HI  IT'S")).toBe("H I | I T ' S |")
    expect(fromLetters("H I | I T ' S |")).toBe("HI IT'S")
    expect([toLetters(''), fromLetters('')]).toEqual(['', ''])
  })
})
