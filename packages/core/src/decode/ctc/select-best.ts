/**
 * Moves the `count` entries with the highest scores to the front of `order` (Hoare's selection), in no particular order among
 * themselves; of equal scores, those that come first in `order` are preferred where it begins as 0, 1, 2, …
 *
 * @param order numbers of entries; its first `size` are looked at.
 */
export const selectBest = (order: Int32Array, size: number, scores: Float64Array, count: number): void => {
  const before = (a: number, b: number): boolean => scores[a]! > scores[b]! || (scores[a]! === scores[b]! && a < b)
  let low = 0
  let high = size - 1
  while (low < high) {
    const pivot = order[(low + high) >> 1]!
    let i = low
    let j = high
    while (i <= j) {
      while (before(order[i]!, pivot)) i++
      while (before(pivot, order[j]!)) j--
      if (i > j) break
      const entry = order[i]!
      order[i++] = order[j]!
      order[j--] = entry
    }
    // The border between the kept and the others is at `count`: go on in the part that holds it.
    if (count - 1 <= j) high = j
    else if (count - 1 >= i) low = i
    else return
  }
}
