import { foldKey, keyOf, threefry2x32 } from './threefry'

type Key = readonly [number, number]

/**
 * Random numbers on the host: a pure function of (seed, path), so that an epoch's order or a clip's mask can be worked out again
 * without replaying what came before. `fold` gives independent streams.
 */
export class HostRng {
  private key: Key
  private counter = 0
  private spare: number | undefined
  private spareNormal: number | undefined

  /**
   * @param seed Any whole number.
   * @param path Names and numbers that pick a stream, e.g. `'shuffle', epoch`.
   */
  constructor(seed: number, ...path: (number | string)[]) {
    this.key = path.reduce<Key>(foldKey, keyOf(seed))
  }

  /** An independent generator for a further path; does not advance this one. */
  fold(...path: (number | string)[]): HostRng {
    const rng = new HostRng(0)
    rng.key = path.reduce<Key>(foldKey, this.key)
    return rng
  }

  /** The next 32 random bits, as a number of 0..2^32 - 1. */
  uint32(): number {
    if (this.spare !== undefined) {
      const word = this.spare
      this.spare = undefined
      return word
    }
    const [first, second] = threefry2x32(
      this.key[0],
      this.key[1],
      this.counter >>> 0,
      Math.floor(this.counter / 2 ** 32),
    )
    this.counter++
    this.spare = second
    return first
  }

  /** Uniform on [0, 1), with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5
    return (high * 67108864 + (this.uint32() >>> 6)) / 2 ** 53
  }

  /** Uniform on 0..maxExclusive - 1, without bias. */
  int(maxExclusive: number): number {
    if (!(Number.isInteger(maxExclusive) && maxExclusive > 0 && maxExclusive <= 2 ** 32)) {
      throw new RangeError(`int() takes a whole number from 1 to 2^32, not ${maxExclusive}.`)
    }
    const limit = 2 ** 32 - (2 ** 32 % maxExclusive)
    let word = this.uint32()
    while (word >= limit) word = this.uint32()
    return word % maxExclusive
  }

  /** Standard normal (Box and Muller's method). */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const value = this.spareNormal
      this.spareNormal = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    const angle = 2 * Math.PI * this.uniform()
    this.spareNormal = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  /** Shuffles in place (Fisher and Yates) and returns its argument. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      const moved = items[i]!
      items[i] = items[j]!
      items[j] = moved
    }
    return items
  }

  /** `count` different numbers of 0..n - 1, in random order. */
  choice(n: number, count: number): Int32Array {
    if (count > n) throw new RangeError(`cannot choose ${count} different numbers out of ${n}.`)
    // A sparse shuffle: only the places that were swapped are kept.
    const swapped = new Map<number, number>()
    const chosen = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      const j = i + this.int(n - i)
      chosen[i] = swapped.get(j) ?? j
      swapped.set(j, swapped.get(i) ?? i)
    }
    return chosen
  }
}
