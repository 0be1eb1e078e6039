import { DataError } from '../errors'
import { type Edit, editAlignment, editCounts } from './edit-alignment'
import { normalizeTranscript, type TranscriptNormalization } from './normalize-transcript'

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

export interface ErrorRateOptions {
  /** What both sides go through first. Default: nothing; case and punctuation count. */
  readonly normalization?: TranscriptNormalization
}

/** One utterance's part of an {@link errorReport}. */
export interface UtteranceErrors extends EditCounts {
  /** Words (or characters) of the reference. */
  readonly length: number
  /** What became of each of them, in order. */
  readonly alignment: Edit[]
}

/** What a word of the references was taken for. */
export interface WordConfusion {
  readonly word: string
  /** How often it was said, and how often it was found. */
  readonly count: number
  readonly correct: number
  readonly deletions: number
  /** How often each other word stood in its place, most frequent first. */
  readonly substitutions: ReadonlyMap<string, number>
}

export interface ErrorReport extends EditCounts {
  /** Words (or characters) of the references. */
  readonly length: number
  readonly utterances: UtteranceErrors[]
  /** Every word of the references, that with the most errors first. */
  readonly confusions: WordConfusion[]
  /** Words that were found where none was said, most frequent first. */
  readonly insertedWords: ReadonlyMap<string, number>
}

/**
 * Word error rate of a corpus: the fewest word substitutions, deletions and insertions that turn each reference into its
 * hypothesis, summed, over the number of reference words. Words are what white space separates. An empty reference adds its
 * hypothesis' words as insertions; if all references are empty the rate is 0 without insertions and infinite with some.
 *
 * @throws DataError if there are not as many hypotheses as references.
 */
export function wordErrorRate(
  references: readonly string[],
  hypotheses: readonly string[],
  options: ErrorRateOptions = {},
): WordErrorRate {
  const { length, ...counts } = corpusEdits(references, hypotheses, splitWords, options)
  return { ...counts, words: length }
}

/**
 * Character error rate of a corpus, as {@link wordErrorRate} but over Unicode code points. Spaces between words count as
 * characters, runs of white space as one, and white space at the ends is left out.
 *
 * @throws DataError if there are not as many hypotheses as references.
 */
export function characterErrorRate(
  references: readonly string[],
  hypotheses: readonly string[],
  options: ErrorRateOptions = {},
): CharacterErrorRate {
  const { length, ...counts } = corpusEdits(references, hypotheses, splitCharacters, options)
  return { ...counts, characters: length }
}

/**
 * Error rates in detail: each utterance's counts and alignment, and what each word was taken for. Takes memory for
 * reference x hypothesis units of one utterance at a time.
 *
 * @throws DataError if there are not as many hypotheses as references.
 */
export function errorReport(
  references: readonly string[],
  hypotheses: readonly string[],
  options: ErrorRateOptions & { unit?: 'word' | 'character' } = {},
): ErrorReport {
  const { unit = 'word', normalization } = options
  checkPaired(references, hypotheses)
  const split = splitter(unit === 'word' ? splitWords : splitCharacters, normalization)
  const utterances = references.map((text, i) => {
    const alignment = editAlignment(split(text), split(hypotheses[i]!))
    const count = (kind: Edit['kind']) => alignment.filter((edit) => edit.kind === kind).length
    const edits = {
      substitutions: count('substitution'),
      deletions: count('deletion'),
      insertions: count('insertion'),
    }
    const length = alignment.length - edits.insertions
    return { ...edits, rate: rateOf(edits, length), length, alignment }
  })
  const sum = (field: 'substitutions' | 'deletions' | 'insertions' | 'length') =>
    utterances.reduce((total, utterance) => total + utterance[field], 0)
  const edits = { substitutions: sum('substitutions'), deletions: sum('deletions'), insertions: sum('insertions') }
  return {
    ...edits,
    rate: rateOf(edits, sum('length')),
    length: sum('length'),
    utterances,
    ...confusionsOf(utterances.flatMap(({ alignment }) => alignment)),
  }
}

const splitWords = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

const splitCharacters = (text: string): string[] => [...text.trim().replace(/\s+/g, ' ')]

const splitter = (split: (text: string) => string[], normalization: TranscriptNormalization | undefined) =>
  normalization === undefined ? split : (text: string) => split(normalizeTranscript(text, normalization))

const rateOf = (edits: Omit<EditCounts, 'rate'>, length: number): number => {
  const errors = edits.substitutions + edits.deletions + edits.insertions
  return errors === 0 ? 0 : errors / length
}

const checkPaired = (references: readonly string[], hypotheses: readonly string[]): void => {
  if (references.length === hypotheses.length) return
  throw new DataError(`There are ${references.length} references but ${hypotheses.length} hypotheses.`, {
    field: 'hypotheses',
    cure: 'Pass one hypothesis for each reference, in the same order; an empty string for none.',
  })
}

const corpusEdits = (
  references: readonly string[],
  hypotheses: readonly string[],
  unit: (text: string) => string[],
  { normalization }: ErrorRateOptions,
): EditCounts & { length: number } => {
  checkPaired(references, hypotheses)
  const split = splitter(unit, normalization)
  const total = { substitutions: 0, deletions: 0, insertions: 0 }
  let length = 0
  references.forEach((text, i) => {
    const reference = split(text)
    const edits = editCounts(reference, split(hypotheses[i]!))
    total.substitutions += edits.substitutions
    total.deletions += edits.deletions
    total.insertions += edits.insertions
    length += reference.length
  })
  return { rate: rateOf(total, length), ...total, length }
}

const confusionsOf = (edits: readonly Edit[]): Pick<ErrorReport, 'confusions' | 'insertedWords'> => {
  const words = new Map<string, { correct: number; deletions: number; substitutions: Map<string, number> }>()
  const inserted = new Map<string, number>()
  const add = (counts: Map<string, number>, word: string) => counts.set(word, (counts.get(word) ?? 0) + 1)
  for (const edit of edits) {
    if (edit.kind === 'insertion') {
      add(inserted, edit.hypothesis)
      continue
    }
    const entry = words.get(edit.reference) ?? { correct: 0, deletions: 0, substitutions: new Map<string, number>() }
    words.set(edit.reference, entry)
    if (edit.kind === 'substitution') add(entry.substitutions, edit.hypothesis)
    else if (edit.kind === 'deletion') entry.deletions++
    else entry.correct++
  }
  const byCount = (counts: Map<string, number>) => new Map([...counts].sort(([, a], [, b]) => b - a))
  const confusions = [...words].map(([word, { correct, deletions, substitutions }]) => {
    const count = [...substitutions.values()].reduce((sum, n) => sum + n, correct + deletions)
    return { word, count, correct, deletions, substitutions: byCount(substitutions) }
  })
  confusions.sort((a, b) => b.count - b.correct - (a.count - a.correct) || b.count - a.count)
  return { confusions, insertedWords: byCount(inserted) }
}
