import type { SafetensorsFault } from './safetensors-fault'

const deepest = 16
const escapes = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])
const literals = ['true', 'false', 'null']

/** A fault of the header's JSON, and the character at which it was met. */
export class HeaderSyntaxError extends SyntaxError {
  constructor(
    message: string,
    readonly fault: SafetensorsFault,
  ) {
    super(message)
  }
}

/**
 * Reads the JSON of a safetensors header from front to back, guided by its caller, so that nothing is built but what the format
 * allows: a header of a hundred million brackets costs no more memory than its text. Unlike `JSON.parse` it refuses a key that
 * comes twice in an object (two readers could otherwise see two different checkpoints in one file), numbers that are not
 * non-negative safe integers, unpaired surrogates, and nesting deeper than a header can need.
 *
 * Every method throws {@link HeaderSyntaxError}.
 */
export class HeaderJsonReader {
  private at = 0

  constructor(private readonly text: string) {}

  fail(what: string, fault: SafetensorsFault = 'header-not-json'): never {
    throw new HeaderSyntaxError(`${what} at character ${this.at}`, fault)
  }

  /** First character of the value that comes next, which tells its type. */
  peek(): string {
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return this.text[this.at] ?? ''
      this.at++
    }
  }

  /** Reads an object; `onValue` is called at each value and must read it. */
  readObject(onValue: (key: string) => void): void {
    const keys = new Set<string>()
    this.expect('{', 'an object is missing')
    if (this.peek() === '}') {
      this.at++
      return
    }
    for (;;) {
      if (this.peek() !== '"') this.fail('a key is missing')
      const key = this.readString()
      if (keys.has(key)) this.fail(`the key ${JSON.stringify(key)} comes twice`, 'duplicate-key')
      keys.add(key)
      this.expect(':', "':' is missing")
      onValue(key)
      if (this.nextOrEnd('}')) return
    }
  }

  /** Reads an array; `onValue` is called at each value and must read it. */
  readArray(onValue: () => void): void {
    this.expect('[', 'an array is missing')
    if (this.peek() === ']') {
      this.at++
      return
    }
    for (;;) {
      onValue()
      if (this.nextOrEnd(']')) return
    }
  }

  readString(): string {
    this.expect('"', 'a string is missing')
    const { text } = this
    let out = ''
    let from = this.at
    for (;;) {
      const code = text.charCodeAt(this.at)
      if (Number.isNaN(code)) this.fail('a string has no end')
      if (code < 0x20) this.fail('a string holds a control character')
      if (code === 0x22) break
      if (code !== 0x5c) {
        this.at++
        continue
      }
      out += text.slice(from, this.at) + this.readEscape()
      from = this.at
    }
    out += text.slice(from, this.at)
    this.at++
    if (/\p{Surrogate}/u.test(out)) this.fail('a string holds an unpaired surrogate')
    return out
  }

  /** Reads an integer from 0 to 2^53 - 1. */
  readInteger(): number {
    const literal = this.numberLiteral()
    const value = Number(literal)
    if (!/^(0|[1-9]\d*)$/.test(literal) || !Number.isSafeInteger(value)) {
      this.fail(`${literal.length > 24 ? 'a number' : literal} is not an integer from 0 to 2^53 - 1`, 'overflow')
    }
    return value
  }

  /** Reads any value and forgets it. */
  skip(depth = 1): void {
    if (depth > deepest) this.fail('values are nested too deeply')
    const first = this.peek()
    if (first === '{') this.readObject(() => this.skip(depth + 1))
    else if (first === '[') this.readArray(() => this.skip(depth + 1))
    else if (first === '"') this.readString()
    else if (/[-\d]/.test(first)) {
      if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(this.numberLiteral())) this.fail('a number is malformed')
    } else {
      const literal = literals.find((word) => this.text.startsWith(word, this.at))
      if (literal === undefined) this.fail('a value is missing')
      this.at += literal!.length
    }
  }

  /** Makes sure that nothing but white space is left. */
  end(): void {
    this.peek()
    if (this.at !== this.text.length) this.fail('text follows the value')
  }

  private expect(character: string, what: string): void {
    if (this.peek() !== character) this.fail(what)
    this.at++
  }

  private nextOrEnd(close: string): boolean {
    const next = this.peek()
    if (next !== ',' && next !== close) this.fail(`',' or '${close}' is missing`)
    this.at++
    return next === close
  }

  private numberLiteral(): string {
    this.peek()
    const from = this.at
    while (/[-+.\deE]/.test(this.text[this.at] ?? '')) this.at++
    return this.text.slice(from, this.at)
  }

  private readEscape(): string {
    const letter = this.text[this.at + 1] ?? ''
    if (letter === 'u') {
      const digits = this.text.slice(this.at + 2, this.at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('a string holds a malformed \\u escape')
      this.at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const character = escapes.get(letter) ?? this.fail('a string holds an unknown escape')
    this.at += 2
    return character
  }
}
