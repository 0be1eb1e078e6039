import { DataError } from '../errors'
import { Growable } from './growable'

/** Stands for "no value"; it cannot occur in UTF-8. */
const absent = 0xff

/** As many different values as a column may have and still be kept as codes. */
const mostCodes = 0x10000
/** Rows after which a column whose values hardly repeat gives up on codes. */
const trialRows = 4096

/** Texts, one a row, in a few large arrays: a text is made when it is asked for. */
export interface TextColumn {
  readonly length: number
  /** Memory held, in bytes. */
  readonly byteLength: number
  /** The text of a row; undefined where it has none. */
  at(row: number): string | undefined
}

/** Texts one after another as UTF-8. */
class PlainColumn implements TextColumn {
  constructor(
    readonly bytes: Uint8Array,
    /** Where each text begins; one more than there are texts. */
    readonly starts: Uint32Array,
  ) {}

  get length(): number {
    return this.starts.length - 1
  }

  get byteLength(): number {
    return this.bytes.byteLength + this.starts.byteLength
  }

  at(row: number): string | undefined {
    const start = this.starts[row]
    const end = this.starts[row + 1]
    if (start === undefined || end === undefined) return undefined
    // An empty text has no byte of its own: what stands at its start belongs to the next row.
    if (end > start && this.bytes[start] === absent) return undefined
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start).toString()
  }
}

/** Texts that repeat (speakers, splits, folders), each kept once. */
class CodedColumn implements TextColumn {
  constructor(
    readonly values: readonly (string | undefined)[],
    readonly codes: Uint8Array | Uint16Array,
  ) {}

  get length(): number {
    return this.codes.length
  }

  get byteLength(): number {
    return this.codes.byteLength + this.values.reduce((sum, value) => sum + 2 * (value?.length ?? 0) + 24, 0)
  }

  at(row: number): string | undefined {
    const code = this.codes[row]
    return code === undefined ? undefined : this.values[code]
  }
}

/** Collects a column. It begins with codes and goes over to plain text when values turn out not to repeat. */
export class TextColumnBuilder {
  #values: (string | undefined)[] | undefined = []
  #known = new Map<string | undefined, number>()
  #codes = new Growable((length) => new Uint16Array(length))
  #bytes = new Growable((length) => new Uint8Array(length))
  #starts = new Growable((length) => new Uint32Array(length))

  /** @param plain Do not try codes: for columns whose values are all different. */
  constructor(plain = false) {
    if (plain) this.#goPlain()
  }

  get length(): number {
    return this.#values ? this.#codes.length : this.#starts.length
  }

  push(value: string | undefined): void {
    if (this.#values === undefined) {
      if (value === undefined) this.#pushAbsent()
      else this.#pushPlain(Buffer.from(value))
      return
    }
    let code = this.#known.get(value)
    if (code === undefined) {
      const rows = this.#codes.length
      if (this.#values.length === mostCodes || (rows >= trialRows && this.#values.length > rows / 2)) {
        this.#goPlain()
        this.push(value)
        return
      }
      code = this.#values.length
      this.#values.push(value)
      this.#known.set(value, code)
    }
    this.#codes.push(code)
  }

  /** Pushes UTF-8 that was checked to be such. */
  pushBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#values !== undefined)
      this.push(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString())
    else this.#pushPlain(bytes, start, end)
  }

  finish(): TextColumn {
    if (this.#values === undefined) {
      this.#starts.push(this.#bytes.length)
      return new PlainColumn(this.#bytes.finish(), this.#starts.finish())
    }
    const codes = this.#codes.finish()
    return new CodedColumn(this.#values, this.#values.length <= 0x100 ? Uint8Array.from(codes) : codes)
  }

  #goPlain(): void {
    const values = this.#values!
    const codes = this.#codes.finish()
    this.#values = undefined
    this.#known = new Map()
    for (const code of codes) this.push(values[code])
  }

  #pushPlain(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (this.#bytes.length + end - start > 0xffffffff) {
      throw new DataError('a column of the manifest is larger than 4 GiB.', { cure: 'Split the manifest.' })
    }
    this.#starts.push(this.#bytes.length)
    this.#bytes.append(bytes, start, end)
  }

  #pushAbsent(): void {
    this.#starts.push(this.#bytes.length)
    this.#bytes.push(absent)
  }
}
