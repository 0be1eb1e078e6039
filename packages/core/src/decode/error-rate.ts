import { DataError } from '../errors'

/** Edits that turn the references into the hypotheses, over the whole corpus. */
export interface EditCounts {
  /** All edits over the length of the references: 0 is perfect, and insertions can take it beyond 1. */
  readonly rate: number
  readonly substitutions: number
  readonly deletions: number
  readonly insertions: number
}

export interface WordErrorRate extends EditCounts {
  /** Words of the references. */
  readonly words: number
}

export interface CharacterErrorRate extends EditCounts {
  /** Characters (Unicode code points) of the references. */
  readonly characters: number
}

/**
 * Word error rate of a corpus: the fewest word substitutions, deletions and insertions that turn each reference into its
 * hypothesis, summed, over the number of reference words. Words are what white space separates; case and punctuation
 * count, so normalise both sides alike first. An empty reference adds its hypothesis' words as insertions; if all
 * references are empty the rate is 0 without insertions and infinite with some.
 *
 * @throws DataError if there are not as many hypotheses as references.
 */
export function wordErrorRate(references: readonly string[], hypotheses: readonly string[]): WordErrorRate {
  const { length, ...counts } = corpusEdits(references, hypotheses, (text) =>
    text.split(/\s+/).filter((word) => word !== ''),
  )
  return { ...counts, words: length }
}

/**
 * Character error rate of a corpus, as {@link wordErrorRate} but over Unicode code points. Spaces between words count as
 * characters, runs of white space as one, and white space at the ends is left out.
 *
 * @throws DataError if there are not as many hypotheses as references.
 */
export function characterErrorRate(references: readonly string[], hypotheses: readonly string[]): CharacterErrorRate {
  const { length, ...counts } = corpusEdits(references, hypotheses, (text) => [...text.trim().replace(/\s+/g, ' ')])
  return { ...counts, characters: length }
}

function corpusEdits(
  references: readonly string[],
  hypotheses: readonly string[],
  split: (text: string) => string[],
): EditCounts & { length: number } {
  if (references.length !== hypotheses.length) {
    throw new DataError(`There are ${references.length} references but ${hypotheses.length} hypotheses.`, {
      field: 'hypotheses',
      cure: 'Pass one hypothesis for each reference, in the same order; an empty string for none.',
    })
  }
  const total = { substitutions: 0, deletions: 0, insertions: 0 }
  let length = 0
  references.forEach((text, i) => {
    const reference = split(text)
    const edits = countEdits(reference, split(hypotheses[i]!))
    total.substitutions += edits.substitutions
    total.deletions += edits.deletions
    total.insertions += edits.insertions
    length += reference.length
  })
  const errors = total.substitutions + total.deletions + total.insertions
  return { rate: errors === 0 ? 0 : errors / length, ...total, length }
}

/**
 * Levenshtein's distance by dynamic programming over rows of the reference, with its three parts. Where alignments cost
 * the same, a substitution is preferred to a deletion and an insertion.
 */
function countEdits(reference: readonly string[], hypothesis: readonly string[]): Omit<EditCounts, 'rate'> {
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
