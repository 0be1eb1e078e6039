import { readFile } from 'node:fs/promises'
import { DataError } from '../errors'

/** A word that may be said and how it is spelled, or pronounced, in tokens. */
export interface LexiconEntry {
  readonly word: string
  readonly tokens: readonly number[]
}

/**
 * Reads a lexicon: a word a line, then its tokens, all separated by white space, as in flashlight and Kaldi. A word with several
 * pronunciations has several lines; a word alone on its line is spelled by its letters.
 *
 * @param labels the vocabulary's tokens by number.
 * @throws DataError naming file and line of a token outside the vocabulary.
 */
export async function readLexicon(path: string, labels: readonly string[]): Promise<LexiconEntry[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DataError(`it cannot be read: ${(cause as Error).message}.`, {
      file: path,
      cause,
      cure: 'Check the path.',
    })
  })
  return parseLexicon(text, labels, path)
}

/** As {@link readLexicon}, from the text itself. */
export function parseLexicon(text: string, labels: readonly string[], file = 'lexicon'): LexiconEntry[] {
  const ids = new Map(labels.map((label, id) => [label, id]))
  return text.split(/\r?\n/).flatMap((line, index) => {
    const [word, ...spelling] = line.split(/\s+/).filter((part) => part !== '')
    if (word === undefined) return []
    return [{ word, tokens: toIds(spelling.length > 0 ? spelling : [...word], ids, `${file}:${index + 1}`) }]
  })
}

/**
 * A lexicon of words spelled by their letters.
 *
 * @throws DataError for a word with a letter outside the vocabulary.
 */
export function spelledLexicon(words: Iterable<string>, labels: readonly string[]): LexiconEntry[] {
  const ids = new Map(labels.map((label, id) => [label, id]))
  return Array.from(words, (word) => ({ word, tokens: toIds([...word], ids, `the word ${word}`) }))
}

const toIds = (spelling: readonly string[], ids: ReadonlyMap<string, number>, where: string): number[] =>
  spelling.map((token) => {
    const id = ids.get(token)
    if (id === undefined) {
      throw new DataError(`"${token}" is not in the vocabulary.`, {
        file: where,
        field: 'lexicon',
        cure: 'Spell the word in tokens of the vocabulary, or leave it out.',
      })
    }
    return id
  })
