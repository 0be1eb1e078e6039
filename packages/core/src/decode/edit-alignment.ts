/** One step from a reference to a hypothesis. */
export type Edit =
  | { readonly kind: 'equal'; readonly reference: string; readonly hypothesis: string }
  | { readonly kind: 'substitution'; readonly reference: string; readonly hypothesis: string }
  | { readonly kind: 'deletion'; readonly reference: string }
  | { readonly kind: 'insertion'; readonly hypothesis: string }

export interface EditNumbers {
  readonly substitutions: number
  readonly deletions: number
  readonly insertions: number
}

/**
 * The fewest edits that turn a reference into a hypothesis, by kind (Levenshtein's distance, by dynamic programming over rows of the
 * reference). Where alignments cost the same, a substitution is preferred to a deletion and that to an insertion.
 */
export function editCounts(reference: readonly string[], hypothesis: readonly string[]): EditNumbers {
  const width = hypothesis.length + 1
  let cost = Int32Array.from({ length: width }, (_, j) => j)
  let substituted = new Int32Array(width)
  let nextCost = new Int32Array(width)
  let nextSubstituted = new Int32Array(width)
  for (let i = 1; i <= reference.length; i++) {
    nextCost[0] = i
    nextSubstituted[0] = 0
    for (let j = 1; j < width; j++) {
      const differs = reference[i - 1] === hypothesis[j - 1] ? 0 : 1
      const diagonal = cost[j - 1]! + differs
      const up = cost[j]! + 1
      const left = nextCost[j - 1]! + 1
      if (diagonal <= up && diagonal <= left) {
        nextCost[j] = diagonal
        nextSubstituted[j] = substituted[j - 1]! + differs
      } else if (up <= left) {
        nextCost[j] = up
        nextSubstituted[j] = substituted[j]!
      } else {
        nextCost[j] = left
        nextSubstituted[j] = nextSubstituted[j - 1]!
      }
    }
    ;[cost, nextCost] = [nextCost, cost]
    ;[substituted, nextSubstituted] = [nextSubstituted, substituted]
  }
  // Deletions less insertions are the difference of the lengths, and their sum is what is left of the cost.
  const substitutions = substituted[width - 1]!
  const rest = cost[width - 1]! - substitutions
  const excess = reference.length - hypothesis.length
  return { substitutions, deletions: (rest + excess) / 2, insertions: (rest - excess) / 2 }
}

const DIAGONAL = 0
const UP = 1
const LEFT = 2

/** The edits that {@link editCounts} counts, in order, with the units that stayed. Takes a byte for each pair of units. */
export function editAlignment(reference: readonly string[], hypothesis: readonly string[]): Edit[] {
  const width = hypothesis.length + 1
  const steps = new Uint8Array((reference.length + 1) * width).fill(LEFT, 0, width)
  let cost = Int32Array.from({ length: width }, (_, j) => j)
  let next = new Int32Array(width)
  for (let i = 1; i <= reference.length; i++) {
    next[0] = i
    steps[i * width] = UP
    for (let j = 1; j < width; j++) {
      const diagonal = cost[j - 1]! + (reference[i - 1] === hypothesis[j - 1] ? 0 : 1)
      const up = cost[j]! + 1
      const left = next[j - 1]! + 1
      const step = diagonal <= up && diagonal <= left ? DIAGONAL : up <= left ? UP : LEFT
      steps[i * width + j] = step
      next[j] = step === DIAGONAL ? diagonal : step === UP ? up : left
    }
    ;[cost, next] = [next, cost]
  }
  const edits: Edit[] = []
  for (let i = reference.length, j = hypothesis.length; i > 0 || j > 0; ) {
    const step = steps[i * width + j]
    if (step === LEFT) edits.push({ kind: 'insertion', hypothesis: hypothesis[--j]! })
    else if (step === UP) edits.push({ kind: 'deletion', reference: reference[--i]! })
    else {
      const [said, found] = [reference[--i]!, hypothesis[--j]!]
      edits.push({ kind: said === found ? 'equal' : 'substitution', reference: said, hypothesis: found })
    }
  }
  return edits.reverse()
}
