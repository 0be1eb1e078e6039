import { DataError } from '../errors'
import type { ByteSource } from './byte-source'
import { scanLines } from './lines'
import { type TextColumn, TextColumnBuilder } from './text-column'

/** A label file's lines, one an utterance, in the manifest's order. */
export interface Labels extends TextColumn {
  readonly file: string
}

/**
 * Reads fairseq's label files with a line of text for each utterance (`.wrd`, `.ltr`, `.phn`, `.txt`). An empty line is an
 * utterance without words.
 *
 * @param source The file's path, or its content and name.
 * @param count How many lines there must be.
 * @throws DataError naming the file, and the line where there is one, for another number of lines or text that is not UTF-8.
 */
export const readLabels = async (source: ByteSource, count?: number): Promise<Labels> => {
  const file = typeof source === 'string' ? source : source.file
  const builder = new TextColumnBuilder()
  await scanLines(
    source,
    (bytes, start, end) => {
      builder.pushBytes(bytes, start, end)
    },
    { onFault: ({ line, message }) => refuse(file, line, message) },
  )
  const column = builder.finish()
  if (count !== undefined) checkCount(file, column.length, count)
  return { file, length: column.length, byteLength: column.byteLength, at: (row) => column.at(row) }
}

/** Letters as fairseq's `.ltr` files have them: spaces between, `|` after each word. `HI YOU` is `H I | Y O U |`. */
export const toLetters = (text: string): string => {
  const words = text.split(/\s+/).filter((word) => word !== '')
  return words.map((word) => `${[...word].join(' ')} |`).join(' ')
}

/** The words of a line of a `.ltr` file. */
export const fromLetters = (letters: string): string =>
  letters
    .split('|')
    .map((word) => word.replaceAll(' ', ''))
    .filter((word) => word !== '')
    .join(' ')

const refuse = (file: string, line: number, message: string): never => {
  throw new DataError(message, { file: `${file}:${line}` })
}

const checkCount = (file: string, found: number, expected: number): void => {
  if (found === expected) return
  throw new DataError(`${found} lines, but the manifest has ${expected} entries: there must be one line for each.`, {
    file,
    cure: 'Make both again together.',
  })
}
