import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { parseLexicon, readLexicon, spelledLexicon } from './lexicon'

const labels = ['', 'a', 'b', 'AH']

describe('lexicons', () => {
  it('are a word a line with its tokens, or the word alone, spelled by its letters', () => {
    expect(parseLexicon('cab\tAH b\r\n\n  cab  b a  \nba\n', labels)).toEqual([
      { word: 'cab', tokens: [3, 2] },
      { word: 'cab', tokens: [2, 1] },
      { word: 'ba', tokens: [2, 1] },
    ])
    expect(spelledLexicon(new Set(['ab', 'b']), labels)).toEqual([
      { word: 'ab', tokens: [1, 2] },
      { word: 'b', tokens: [2] },
    ])
  })

  it('name file and line of a token outside the vocabulary', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'babble-lexicon-'))
    const path = join(folder, 'lexicon.txt')
    await writeFile(path, 'ab\nab a x\n')
    await expect(readLexicon(path, labels)).rejects.toThrow(`${path}:2: "x" is not in the vocabulary`)
    await expect(readLexicon(join(folder, 'none'), labels)).rejects.toThrow(DataError)
    await rm(folder, { recursive: true })
    expect(() => spelledLexicon(['abc'], labels)).toThrow('the word abc: "c" is not in the vocabulary')
  })
})
