import type { FileHandle } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { writeFileAtomic } from '../../checkpoint/index'
import type { NgramModel } from './ngram-model'

/** Characters gathered before they are written. */
const PART_LENGTH = 2 ** 18

/**
 * Writes a model as an ARPA file that {@link readArpa} and other toolkits read, gzip'd if the name ends in `.gz`. Numbers are written
 * so that they are read back bit for bit. The file appears when it is complete.
 *
 * @throws CheckpointError if it cannot be written.
 */
export async function writeArpa(path: string, model: NgramModel): Promise<void> {
  const gzip = path.endsWith('.gz')
  await writeFileAtomic(path, async (handle: FileHandle) => {
    for (const part of parts(model)) {
      // A gzip file may consist of several members, one after another.
      await handle.appendFile(gzip ? gzipSync(part) : part)
    }
  })
}

function* parts(model: NgramModel): Generator<string> {
  let part = ''
  for (const line of lines(model)) {
    part += line
    if (part.length < PART_LENGTH) continue
    yield part
    part = ''
  }
  yield part
}

function* lines(model: NgramModel): Generator<string> {
  yield '\\data\\\n'
  for (const [i, count] of model.counts.entries()) yield `ngram ${i + 1}=${count}\n`
  for (let order = 1; order <= model.order; order++) {
    yield `\n\\${order}-grams:\n`
    for (const { words, logProb, backoff } of model.ngrams(order)) {
      const text = words.map((id) => model.word(id)).join(' ')
      yield `${shortest(logProb)}\t${text}${order < model.order ? `\t${shortest(backoff)}` : ''}\n`
    }
  }
  yield '\n\\end\\\n'
}

/** The shortest decimal that is read back as the same float32. */
const shortest = (value: number): string => {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits))
    if (Math.fround(text) === value) return String(text)
  }
  return String(Number(value.toPrecision(9)))
}
