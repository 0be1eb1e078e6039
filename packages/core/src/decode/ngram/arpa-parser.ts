import { isUtf8 } from 'node:buffer'
import { DataError } from '../../errors'
import { parseDecimal } from './decimal'
import { NgramBuilder } from './ngram-builder'
import type { NgramModel } from './ngram-model'

/** Longer lines are refused: no n-gram of words is a mebibyte long. */
const LONGEST_LINE = 2 ** 20
/** Lines that may come before `\data\`, where some toolkits put their licence. */
const LONGEST_PREAMBLE = 1000
/** A context's length is kept in one byte. */
const HIGHEST_ORDER = 255
/** What an n-gram takes in memory, about, and in the file, at least about: room is made for no more than the file's length can fill. */
const BYTES_PER_NGRAM = 28

const NEWLINE = 10
const TAB = 9
const RETURN = 13
const SPACE = 32

/**
 * Reads an ARPA file that comes in chunks of bytes, line by line, holding nothing but the model's tables. The format is read strictly:
 * the sections in order and complete, each n-gram once, log probabilities at most 0, every word among the 1-grams, `\end\`.
 */
export class ArpaParser {
  readonly #file: string
  readonly #size: number
  #rest = new Uint8Array(0)
  #line = 0
  #read = 0
  #part: 'preamble' | 'counts' | 'ngrams' | 'end' = 'preamble'
  /** n-grams of each order, as the file says. */
  readonly #claimed: number[] = []
  /** The order of the section at hand, and what is still to come in it. */
  #order = 0
  #missing = 0
  #builder: NgramBuilder | undefined
  #words = new Int32Array(0)
  /** Starts and ends of the line's fields. */
  #fields = new Int32Array(8)

  /** @param size bytes of the file, as far as known: how much room may be made on the word of its header. */
  constructor(file: string, size: number) {
    this.#file = file
    this.#size = size
  }

  push(chunk: Uint8Array): void {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      if (this.#rest.length > 0) {
        const line = this.#joined(chunk.subarray(from, at))
        this.#rest = new Uint8Array(0)
        this.#take(line, 0, line.length)
      } else this.#take(chunk, from, at)
      from = at + 1
    }
    if (from < chunk.length) this.#rest = this.#joined(chunk.subarray(from))
  }

  /** The model, when all bytes have been pushed. */
  finish(): NgramModel {
    if (this.#rest.length > 0) this.#take(this.#rest, 0, this.#rest.length)
    if (this.#part !== 'end') {
      this.#fail(
        this.#part === 'preamble' ? 'there is no line \\data\\.' : 'the file ends before \\end\\.',
        'Is this an ARPA file, and complete?',
      )
    }
    try {
      return this.#builder!.build()
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      throw new DataError(error.message, { file: this.#file, cause: error })
    }
  }

  #joined(tail: Uint8Array): Uint8Array<ArrayBuffer> {
    if (this.#rest.length + tail.length > LONGEST_LINE) {
      this.#line++
      this.#fail('the line is longer than a mebibyte.', 'Is this an ARPA file?')
    }
    const line = new Uint8Array(this.#rest.length + tail.length)
    line.set(this.#rest)
    line.set(tail, this.#rest.length)
    return line
  }

  #take(bytes: Uint8Array, start: number, lineEnd: number): void {
    this.#line++
    this.#read += lineEnd - start + 1
    let from = start
    let end = lineEnd
    while (from < end && isSpace(bytes[from]!)) from++
    while (end > from && isSpace(bytes[end - 1]!)) end--
    if (from === end) return
    if (this.#part === 'ngrams' && this.#missing > 0) this.#ngram(bytes, from, end)
    else this.#structure(decodeLine(bytes, from, end))
  }

  /** A line of the file's frame: anything but an n-gram. */
  #structure(line: string): void {
    if (this.#part === 'preamble') {
      if (line === '\\data\\') this.#part = 'counts'
      else if (this.#line > LONGEST_PREAMBLE) {
        this.#fail(`there is no line \\data\\ among the first ${LONGEST_PREAMBLE}.`, 'Is this an ARPA file?')
      }
      return
    }
    const count = this.#part === 'counts' ? /^ngram\s+(\d{1,3})\s*=\s*(\d{1,15})$/.exec(line) : null
    if (count) {
      this.#count(Number(count[1]), Number(count[2]))
      return
    }
    if (this.#part === 'end') this.#fail(`"${shown(line)}" comes after \\end\\.`)
    if (this.#claimed.length === 0) this.#fail(`"${shown(line)}" is not a count such as "ngram 1=1000".`)
    this.#nextSection(line)
  }

  #count(order: number, count: number): void {
    if (order !== this.#claimed.length + 1) {
      this.#fail(`the count of ${order}-grams comes where that of ${this.#claimed.length + 1}-grams belongs.`)
    }
    if (order > HIGHEST_ORDER) this.#fail(`the order is above ${HIGHEST_ORDER}.`)
    // A node's number has to fit 31 bits.
    if (count > 2 ** 30) this.#fail(`${count} ${order}-grams are more than this reader takes.`)
    this.#claimed.push(count)
  }

  #nextSection(line: string): void {
    // Orders that have no n-grams need no section.
    let order = this.#order + 1
    while (order < this.#claimed.length && this.#claimed[order - 1] === 0 && line !== `\\${order}-grams:`) order++
    if (line === '\\end\\' && (order > this.#claimed.length || this.#claimed[order - 1] === 0)) {
      if (this.#builder) {
        this.#part = 'end'
        return
      }
      this.#fail('there are no 1-grams.')
    }
    if (line !== `\\${order}-grams:`) {
      const wanted = order > this.#claimed.length ? '\\end\\' : `\\${order}-grams:`
      this.#fail(`"${shown(line)}" stands where ${wanted} belongs.`, 'Check the counts at the top of the file.')
    }
    if (!this.#builder) this.#builder = this.#newBuilder()
    this.#order = order
    this.#missing = this.#claimed[order - 1]!
    this.#part = 'ngrams'
  }

  #newBuilder(): NgramBuilder {
    const order = this.#claimed.length
    const room = Math.floor((this.#size - this.#read) / BYTES_PER_NGRAM)
    const claimed = this.#claimed.slice(1, -1).reduce((sum, count) => sum + count, 0)
    const inner = Math.max(0, Math.min(claimed, room))
    const top = order === 1 ? 0 : Math.max(0, Math.min(this.#claimed[order - 1]!, room - inner))
    this.#words = new Int32Array(order)
    return new NgramBuilder(order, { inner, top })
  }

  #ngram(bytes: Uint8Array, start: number, end: number): void {
    const order = this.#order
    const fields = this.#split(bytes, start, end, order + 2)
    if (fields !== order + 1 && fields !== order + 2) {
      if (bytes[start] === 0x5c) {
        this.#fail(
          `"${shown(decodeLine(bytes, start, end))}" comes ${this.#missing} ${order}-grams early.`,
          'Check the counts at the top of the file.',
        )
      }
      this.#fail(
        `an entry of ${fields > order + 2 ? `more than ${order + 2}` : fields} fields is not a ${order}-gram.`,
        `It must be a log10 probability, ${order} word(s) and at most a back-off weight.`,
      )
    }
    const logProb = parseDecimal(bytes, this.#fields[0]!, this.#fields[1]!)
    if (!Number.isFinite(logProb)) this.#failField(bytes, 0, 'log10 probability')
    if (logProb > 0) this.#fail(`the log10 probability ${logProb} is above 0.`, 'Train the model anew.')
    let backoff = 0
    if (fields === order + 2) {
      backoff = parseDecimal(bytes, this.#fields[2 * order + 2]!, this.#fields[2 * order + 3]!)
      if (!Number.isFinite(Math.fround(backoff))) this.#failField(bytes, order + 1, 'back-off weight')
      if (backoff !== 0 && order === this.#claimed.length && order > 1) {
        this.#fail(`an n-gram of the highest order has the back-off weight ${backoff}.`)
      }
    }
    const isNew = order === 1 ? this.#unigram(bytes, logProb, backoff) : this.#longer(bytes, order, logProb, backoff)
    if (!isNew) {
      this.#fail(
        `the ${order}-gram "${shown(decodeLine(bytes, this.#fields[2]!, this.#fields[2 * order + 1]!))}" is there twice.`,
      )
    }
    this.#missing--
  }

  #unigram(bytes: Uint8Array, logProb: number, backoff: number): boolean {
    const from = this.#fields[2]!
    const to = this.#fields[3]!
    if (!isUtf8(bytes.subarray(from, to))) this.#fail('the word is not UTF-8.', 'Convert the file to UTF-8.')
    return this.#builder!.addUnigram(bytes, from, to, logProb, backoff)
  }

  #longer(bytes: Uint8Array, order: number, logProb: number, backoff: number): boolean {
    for (let i = 0; i < order; i++) {
      const from = this.#fields[2 * i + 2]!
      const to = this.#fields[2 * i + 3]!
      const word = this.#builder!.vocabulary.find(bytes, from, to)
      if (word < 0) this.#fail(`the word "${shown(decodeLine(bytes, from, to))}" is not among the 1-grams.`)
      this.#words[i] = word
    }
    return this.#builder!.add(this.#words, order, logProb, backoff)
  }

  /** Puts the bounds of the first `most` fields into `#fields` and counts the fields, at most one more than that. */
  #split(bytes: Uint8Array, start: number, end: number, most: number): number {
    if (this.#fields.length < 2 * most) this.#fields = new Int32Array(2 * most)
    let count = 0
    for (let at = start; at < end; ) {
      if (count === most) return most + 1
      this.#fields[2 * count] = at
      while (at < end && bytes[at] !== TAB && bytes[at] !== SPACE) at++
      this.#fields[2 * count + 1] = at
      count++
      while (at < end && (bytes[at] === TAB || bytes[at] === SPACE)) at++
    }
    return count
  }

  #failField(bytes: Uint8Array, field: number, name: string): never {
    const text = decodeLine(bytes, this.#fields[2 * field]!, this.#fields[2 * field + 1]!)
    this.#fail(`"${shown(text)}" is not a ${name}.`)
  }

  #fail(message: string, cure?: string): never {
    throw new DataError(message, {
      file: `${this.#file}:${Math.max(1, this.#line)}`,
      ...(this.#order > 0 && { field: `${this.#order}-grams` }),
      ...(cure !== undefined && { cure }),
    })
  }
}

const isSpace = (byte: number): boolean => byte === SPACE || byte === TAB || byte === RETURN

const decodeLine = (bytes: Uint8Array, start: number, end: number): string =>
  new TextDecoder().decode(bytes.subarray(start, end))

const shown = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)
