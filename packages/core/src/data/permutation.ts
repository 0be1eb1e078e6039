import type { HostRng } from '../random/index'

/** Luby and Rackoff's proof needs four rounds of good functions; ours are quick ones, so there are twice as many. */
const rounds = 8

/**
 * A random order of 0..size - 1, any place of which is computed by itself, in time and memory that do not depend on the size: a
 * Feistel network over pairs (left, right) of about sqrt(size) values each. The few pairs beyond the size are walked over (Black and
 * Rogaway 2002, "Ciphers with arbitrary finite domains").
 */
export class Permutation {
  readonly size: number
  readonly #lefts: number
  readonly #rights: number
  readonly #keys: Uint32Array

  /** @param rng Gives the keys; advanced. */
  constructor(size: number, rng: HostRng) {
    this.size = size
    this.#lefts = Math.max(1, Math.ceil(Math.sqrt(size)))
    this.#rights = Math.max(1, Math.ceil(size / this.#lefts))
    this.#keys = Uint32Array.from({ length: rounds }, () => rng.uint32())
  }

  /** What stands at a place of 0..size - 1. */
  at(place: number): number {
    if (!(Number.isInteger(place) && place >= 0 && place < this.size)) {
      throw new RangeError(`there is no place ${place} in an order of ${this.size}.`)
    }
    let value = place
    do value = this.#step(value)
    while (value >= this.size)
    return value
  }

  #step(value: number): number {
    let right = value % this.#rights
    let left = (value - right) / this.#rights
    for (let round = 0; round < rounds; round += 2) {
      left = (left + mix(right, this.#keys[round]!)) % this.#lefts
      right = (right + mix(left, this.#keys[round + 1]!)) % this.#rights
    }
    return left * this.#rights + right
  }
}

/** 32 bits that depend on all bits of both: the finaliser of MurmurHash3, twice. */
const mix = (value: number, key: number): number => {
  let x = value ^ key
  for (let pass = 0; pass < 2; pass++) {
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    x ^= x >>> 16
    x = (x + key) | 0
  }
  return x >>> 0
}
