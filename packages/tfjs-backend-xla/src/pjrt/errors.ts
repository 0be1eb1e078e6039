import { explain } from './explanations'
import type { FailureContext } from './failure-causes'

/** PJRT's error codes by number; the names are those of `absl::StatusCode`. */
const CODE_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

/** What kind of failure XLA reports, e.g. `'INVALID_ARGUMENT'` or `'RESOURCE_EXHAUSTED'` (out of memory). */
export type XlaErrorCode = (typeof CODE_NAMES)[number]

/**
 * A failure of XLA, of the PJRT plugin, or of the way they were called. The message is XLA's own where it comes
 * from there (with line and column for a program that does not parse or verify).
 */
export class XlaError extends Error {
  override readonly name = 'XlaError'
  readonly code: XlaErrorCode

  constructor(message: string, code: XlaErrorCode = 'INVALID_ARGUMENT', options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function errorCodeName(code: number): XlaErrorCode {
  return CODE_NAMES[code] ?? 'UNKNOWN'
}

/** A line XLA adds to every program it refuses, whatever the reason. */
const BOILERPLATE = /^<unknown>:0: error: Failed to parse using StableHLO v/

/** XLA's message without what tells the reader nothing about this failure. Positions in the program read `program:line:column`. */
export function tidyMessage(message: string): string {
  const lines = message.split('\n').map((line) => line.trimEnd().replace(/^-:(?=\d+:\d+: )/, 'program:'))
  const telling = lines.filter((line) => line !== '' && !BOILERPLATE.test(line))
  return (telling.length > 0 ? telling : lines).join('\n')
}

const OUT_OF_MEMORY = /Out of memory (?:while trying to allocate|allocating)/

/** Lines of XLA's own words that a message repeats: some go on for hundreds. */
const LINES_KEPT = 12

/**
 * An error for what XLA, a library below it, or the loader reported. A failure that is known is explained first, with
 * what to do about it; XLA's own words follow, and are in full the `cause`.
 */
export function failure(message: string, given: XlaErrorCode, context: Partial<FailureContext> = {}): XlaError {
  const original = tidyMessage(message)
  // What depends on a computation that had no memory fails as INTERNAL, with the first failure's words.
  const code = given === 'INTERNAL' && OUT_OF_MEMORY.test(original) ? 'RESOURCE_EXHAUSTED' : given
  const explanation = explain(original, context)
  if (!explanation) return new XlaError(original, code)
  const lines = original.split('\n')
  const shown = lines.length > LINES_KEPT ? [...lines.slice(0, LINES_KEPT), '…'] : lines
  return new XlaError(`${explanation}\n(XLA: ${shown.join('\n')})`, code, { cause: new Error(message) })
}
