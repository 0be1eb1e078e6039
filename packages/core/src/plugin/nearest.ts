/** Edits (insertions, deletions, substitutions, swaps of neighbours) from one word to another. */
const distance = (a: string, b: string): number => {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(substitution, last[j]! + 1, row[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1)
      }
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/** Without case and without what joins words: `learning_rate` is `learningRate`. */
const plain = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '')

/** The candidate that `word` was probably meant to be, if one is near enough. */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined => {
  if (word.length > 100) return undefined
  let best: string | undefined
  // A third of the letters may be wrong.
  let least = Math.floor(word.length / 3) + 1
  for (const candidate of candidates) {
    const edits = distance(plain(word), plain(candidate))
    if (edits < least) {
      least = edits
      best = candidate
    }
  }
  return best
}
