type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

/**
 * A typed array that grows as numbers are pushed: how columns are built without knowing their length, at most half as much memory
 * again as they need.
 */
export class Growable<T extends Numbers> {
  #values: T
  readonly #make: (length: number) => T
  length = 0

  constructor(make: (length: number) => T) {
    this.#make = make
    this.#values = make(64)
  }

  push(value: number): void {
    this.reserve(1)
    this.#values[this.length++] = value
  }

  append(
    values: ArrayLike<number> & { subarray(start: number, end: number): ArrayLike<number> },
    start = 0,
    end = values.length,
  ): void {
    this.reserve(end - start)
    this.#values.set(values.subarray(start, end), this.length)
    this.length += end - start
  }

  at(index: number): number {
    return this.#values[index]!
  }

  /** The numbers so far; valid until the next push. */
  view(): T {
    return this.#values.subarray(0, this.length) as T
  }

  /** The numbers in memory of just their size; the builder is empty afterwards. */
  finish(): T {
    const values = this.#values.slice(0, this.length) as T
    this.#values = this.#make(0)
    this.length = 0
    return values
  }

  private reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.#values.length) return
    const grown = this.#make(Math.max(needed, Math.ceil(this.#values.length * 1.5), 64))
    grown.set(this.#values)
    this.#values = grown
  }
}
