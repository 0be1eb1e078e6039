import { growInt32, growUint8 } from './grow'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Words by number and numbers by word, kept as UTF-8 in one array: a million words cost no more than their letters. */
export class WordTable {
  #bytes = new Uint8Array(256)
  /** Word `id` is the bytes from `#ends[id]` to `#ends[id + 1]`. */
  #ends = new Int32Array(16)
  #slots = new Int32Array(32).fill(-1)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The number of the word in `bytes[start, end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#slotOf(bytes, start, end)]!
  }

  /** The number of a word, or -1. */
  idOf(word: string): number {
    const bytes = encoder.encode(word)
    return this.find(bytes, 0, bytes.length)
  }

  /** The word of a number in `[0, size)`. */
  word(id: number): string {
    return decoder.decode(this.#bytes.subarray(this.#ends[id]!, this.#ends[id + 1]!))
  }

  /** Adds a word and gives its number; -1 if it is there already. */
  add(bytes: Uint8Array, start: number, end: number): number {
    if (this.#slots[this.#slotOf(bytes, start, end)]! >= 0) return -1
    const id = this.#size++
    const from = this.#ends[id]!
    const to = from + end - start
    this.#bytes = growUint8(this.#bytes, to)
    this.#ends = growInt32(this.#ends, id + 2)
    // Copied byte by byte: words are shorter than a call costs.
    for (let i = start; i < end; i++) this.#bytes[from + i - start] = bytes[i]!
    this.#ends[id + 1] = to
    if (this.#size * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2)
    else this.#slots[this.#slotOf(bytes, start, end)] = id
    return id
  }

  /** As {@link add}, for a string. */
  addWord(word: string): number {
    const bytes = encoder.encode(word)
    return this.add(bytes, 0, bytes.length)
  }

  /** The slot that holds the word, or the free one where it belongs. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1
    let slot = hash(bytes, start, end) & mask
    for (let id = this.#slots[slot]!; id >= 0; id = this.#slots[slot]!) {
      if (this.#equals(id, bytes, start, end)) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#ends[id]!
    if (this.#ends[id + 1]! - from !== end - start) return false
    for (let i = start; i < end; i++) if (this.#bytes[from + i - start] !== bytes[i]) return false
    return true
  }

  #rehash(slots: number): void {
    this.#slots = new Int32Array(slots).fill(-1)
    for (let id = 0; id < this.#size; id++) {
      this.#slots[this.#slotOf(this.#bytes, this.#ends[id]!, this.#ends[id + 1]!)] = id
    }
  }
}

/** FNV-1a with a last mixing, since slots are taken from the low bits. */
const hash = (bytes: Uint8Array, start: number, end: number): number => {
  let h = 0x811c9dc5
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193)
  return h ^ (h >>> 15)
}
