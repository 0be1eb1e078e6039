import { DataError } from '../../errors'
import type { LabelSegment } from '../quality'

/** A tier of a TextGrid: stretches of time with a text, or points in time. */
export interface TextGridTier {
  readonly name: string
  readonly kind: 'intervals' | 'points'
  /** Points begin and end at the same time. */
  readonly segments: readonly LabelSegment[]
}

export interface TextGrid {
  /** Seconds. */
  readonly start: number
  /** Seconds. */
  readonly end: number
  readonly tiers: readonly TextGridTier[]
}

/** Times of neighbours may differ by rounding of the last digit written. */
const timeTolerance = 1e-5

/**
 * Reads Praat's TextGrid, the long text form and the short one, as the Montreal Forced Aligner writes it. Both are the same sequence of
 * numbers, strings and flags; what is around them in the long form is for people.
 *
 * @param file Named in errors
 * @throws DataError naming file and line for what is no TextGrid, and for intervals that overlap or end before they begin.
 */
export const parseTextGrid = (text: string, file: string): TextGrid => {
  const tokens = new Tokens(text, file)
  if (tokens.text('"ooTextFile"') !== 'ooTextFile') throw tokens.fault('this is no Praat text file')
  if (tokens.text('"TextGrid"') !== 'TextGrid') throw tokens.fault('this is no TextGrid')
  const [start, end] = [tokens.number('the start'), tokens.number('the end')]
  if (!(start <= end)) throw tokens.fault('it ends before it begins')
  const tiers: TextGridTier[] = []
  const hasTiers = tokens.flag('<exists> or <absent>')
  // A size in the file is believed only as far as there is something to read.
  const size = hasTiers === 'exists' ? tokens.count('the number of tiers') : 0
  for (let tier = 0; tier < size; tier++) tiers.push(readTier(tokens))
  tokens.end()
  return { start, end, tiers }
}

const readTier = (tokens: Tokens): TextGridTier => {
  const kindName = tokens.text("a tier's kind")
  if (kindName !== 'IntervalTier' && kindName !== 'TextTier') throw tokens.fault(`a tier is of the kind "${kindName}"`)
  const name = tokens.text("a tier's name")
  tokens.number("the tier's start")
  tokens.number("the tier's end")
  const size = tokens.count('the number of intervals')
  const segments: LabelSegment[] = []
  let before = Number.NEGATIVE_INFINITY
  for (let i = 0; i < size; i++) {
    const start = tokens.number('a time')
    const end = kindName === 'TextTier' ? start : tokens.number('a time')
    const label = tokens.text('a text')
    if (end < start) throw tokens.fault(`an interval ends at ${end}, before it begins at ${start}`)
    if (start < before - timeTolerance)
      throw tokens.fault(`it begins at ${start}, before the one before it ends at ${before}`)
    before = end
    segments.push({ start, end, label })
  }
  return { name, kind: kindName === 'IntervalTier' ? 'intervals' : 'points', segments }
}

const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const flagPattern = /^<(\w+)>$/

type Token = { readonly kind: 'number' | 'text' | 'flag'; readonly value: string }

/** The numbers, strings and flags of a Praat file, one after the other. */
class Tokens {
  readonly #text: string
  readonly #file: string
  #at = 0
  #line = 1

  constructor(text: string, file: string) {
    this.#text = text
    this.#file = file
  }

  number(what: string): number {
    const value = Number(this.#expect('number', what))
    if (Number.isFinite(value)) return value
    throw this.fault(`${what} is too large a number`)
  }

  count(what: string): number {
    const value = this.number(what)
    if (Number.isSafeInteger(value) && value >= 0) return value
    throw this.fault(`${what} is ${value}`)
  }

  text(what: string): string {
    return this.#expect('text', what)
  }

  flag(what: string): string {
    return this.#expect('flag', what)
  }

  end(): void {
    if (this.#next()) throw this.fault('it goes on after its last tier')
  }

  fault(message: string): DataError {
    return new DataError(`${message}.`, {
      file: `${this.#file}:${this.#line}`,
      cure: 'Save it again from Praat or the aligner, as a text file.',
    })
  }

  #expect(kind: Token['kind'], what: string): string {
    const token = this.#next()
    if (token?.kind === kind) return token.value
    throw this.fault(
      token ? `here should be ${what}, not ${token.value.slice(0, 40)}` : `it ends where ${what} should be`,
    )
  }

  #next(): Token | undefined {
    const text = this.#text
    for (;;) {
      while (this.#at < text.length && isSpace(text, this.#at)) this.#step()
      if (this.#at >= text.length) return undefined
      if (text[this.#at] === '"') return { kind: 'text', value: this.#string() }
      if (text[this.#at] === '!') {
        while (this.#at < text.length && text[this.#at] !== '\n') this.#at++
        continue
      }
      const from = this.#at
      while (this.#at < text.length && !isSpace(text, this.#at)) this.#at++
      const word = text.slice(from, Math.min(this.#at, from + 400))
      if (numberPattern.test(word)) return { kind: 'number', value: word }
      const flag = flagPattern.exec(word)
      if (flag) return { kind: 'flag', value: flag[1]! }
    }
  }

  /** A string in quotation marks; a mark within it is written twice. */
  #string(): string {
    const [text, line] = [this.#text, this.#line]
    let value = ''
    for (let from = ++this.#at; ; ) {
      const mark = text.indexOf('"', from)
      if (mark < 0) {
        this.#line = line
        throw this.fault('a text that begins here does not end')
      }
      value += text.slice(from, mark)
      for (; this.#at < mark; this.#at++) if (text[this.#at] === '\n') this.#line++
      this.#at = mark + 1
      if (text[this.#at] !== '"') return value
      value += '"'
      from = ++this.#at
    }
  }

  #step(): void {
    if (this.#text[this.#at++] === '\n') this.#line++
  }
}

const isSpace = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at)
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0xfeff
}
