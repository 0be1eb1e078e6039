/**
 * The score below which an entry cannot be among the best `count` any more, or is too far from the best one: a heap of the best
 * scores so far, whose lowest one is on top.
 */
export class Floor {
  value = Number.NEGATIVE_INFINITY
  #heap = new Float64Array(0)
  #size = 0
  #count = 0
  #best = Number.NEGATIVE_INFINITY
  #reach = Number.NEGATIVE_INFINITY

  /** @param reach how far below the best one an entry may be; not above 0. */
  reset(count: number, reach: number): void {
    this.#count = count
    this.#reach = reach
    this.#size = 0
    this.#best = Number.NEGATIVE_INFINITY
    this.value = Number.NEGATIVE_INFINITY
  }

  add(score: number): void {
    if (score > this.#best) this.#best = score
    if (this.#size < this.#count) this.#insert(score)
    else if (score > this.#heap[0]!) this.#replaceLowest(score)
    const lowest = this.#size < this.#count ? Number.NEGATIVE_INFINITY : this.#heap[0]!
    this.value = Math.max(lowest, this.#best + this.#reach)
  }

  #insert(score: number): void {
    if (this.#size === this.#heap.length) {
      const longer = new Float64Array(Math.max(64, this.#size * 2))
      longer.set(this.#heap)
      this.#heap = longer
    }
    let at = this.#size++
    while (at > 0 && this.#heap[(at - 1) >> 1]! > score) {
      this.#heap[at] = this.#heap[(at - 1) >> 1]!
      at = (at - 1) >> 1
    }
    this.#heap[at] = score
  }

  #replaceLowest(score: number): void {
    const heap = this.#heap
    const size = this.#size
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= score) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = score
  }
}
