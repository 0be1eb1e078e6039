/**
 * Native pointers in numbered slots. A training step uses and replaces hundreds of them while the processor's caches are cold: in one
 * block of memory that takes microseconds, in objects with a `bigint` each, the better part of a millisecond. They are moved as
 * pairs of 32-bit words, which makes no `bigint`s.
 */
export class PointerTable {
  private pointers = new BigUint64Array(256)
  private words = new Uint32Array(this.pointers.buffer)
  /** Slots in use, those that have been freed and not used again included. */
  private used = 0
  private readonly free: number[] = []

  /** Slots that hold a pointer. */
  get size(): number {
    return this.used - this.free.length
  }

  /** Keeps a pointer and returns its slot. */
  add(pointer: bigint): number {
    const slot = this.free.pop() ?? this.used
    if (slot === this.used) {
      this.reserve(1)
      this.used++
    }
    this.pointers[slot] = pointer
    return slot
  }

  get(slot: number): bigint {
    return this.pointers[slot]!
  }

  remove(slot: number): void {
    this.pointers[slot] = 0n
    this.free.push(slot)
  }

  /** Keeps what another table has in these slots, at the end of this one, which must have no gaps. */
  addFrom(source: PointerTable, slots: Int32Array): void {
    this.reserve(slots.length)
    source.copyOut(slots, this.words.subarray(2 * this.used))
    this.used += slots.length
  }

  clear(): void {
    this.used = 0
    this.free.length = 0
  }

  /** Writes the pointers in `slots` to the first places of `target`, or to those that `places` says. */
  copyOut(slots: Int32Array, target: Uint32Array, places?: Int32Array): void {
    const { words } = this
    for (let i = 0; i < slots.length; i++) {
      const [from, to] = [2 * slots[i]!, 2 * (places ? places[i]! : i)]
      target[to] = words[from]!
      target[to + 1] = words[from + 1]!
    }
  }

  /** Takes the pointers for `slots` from `places` of `source`. */
  copyIn(slots: Int32Array, source: Uint32Array, places: Int32Array): void {
    const { words } = this
    for (let i = 0; i < slots.length; i++) {
      const [from, to] = [2 * places[i]!, 2 * slots[i]!]
      words[to] = source[from]!
      words[to + 1] = source[from + 1]!
    }
  }

  private reserve(count: number): void {
    const needed = this.used + count
    if (needed <= this.pointers.length) return
    const larger = new BigUint64Array(Math.max(needed, 2 * this.pointers.length))
    larger.set(this.pointers.subarray(0, this.used))
    this.pointers = larger
    this.words = new Uint32Array(larger.buffer)
  }
}
