import { growInt32 } from './grow'

/**
 * Numbers pairs of whole numbers (what came before, what comes next) in the order in which they are added: the edges of a trie,
 * eight bytes each and a hash table of at most three slots an edge.
 */
export class PairTable {
  #first: Int32Array<ArrayBuffer>
  #second: Int32Array<ArrayBuffer>
  #slots: Int32Array<ArrayBuffer>
  #size = 0

  /** @param expected pairs that room is made for at once; more may come. */
  constructor(expected = 0) {
    this.#first = new Int32Array(expected)
    this.#second = new Int32Array(expected)
    let slots = 16
    while (slots * 2 < expected * 3) slots *= 2
    this.#slots = new Int32Array(slots).fill(-1)
  }

  get size(): number {
    return this.#size
  }

  first(index: number): number {
    return this.#first[index]!
  }

  second(index: number): number {
    return this.#second[index]!
  }

  /** The pair's number, or -1. */
  find(first: number, second: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash(first, second) & mask
    for (let index = slots[slot]!; index >= 0; index = slots[slot]!) {
      if (this.#first[index] === first && this.#second[index] === second) return index
      slot = (slot + 1) & mask
    }
    return -1
  }

  /** Adds a pair that is not there yet, and gives its number. */
  add(first: number, second: number): number {
    const index = this.#size++
    this.#first = growInt32(this.#first, this.#size)
    this.#second = growInt32(this.#second, this.#size)
    this.#first[index] = first
    this.#second[index] = second
    if (this.#size * 3 > this.#slots.length * 2) {
      this.#slots = new Int32Array(this.#slots.length * 2).fill(-1)
      for (let old = 0; old <= index; old++) this.#place(old)
    } else this.#place(index)
    return index
  }

  /** Gives back the room that was made for more. */
  trim(): void {
    if (this.#first.length === this.#size) return
    this.#first = this.#first.slice(0, this.#size)
    this.#second = this.#second.slice(0, this.#size)
  }

  #place(index: number): void {
    const mask = this.#slots.length - 1
    let slot = hash(this.#first[index]!, this.#second[index]!) & mask
    while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask
    this.#slots[slot] = index
  }
}

/** Mixes two 32-bit numbers (multiplications and shifts of MurmurHash3's finaliser). */
const hash = (first: number, second: number): number => {
  let h = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca77)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
