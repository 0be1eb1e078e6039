import type { ByteSource } from '../../data/byte-source'
import { Growable } from '../../data/growable'
import { scanLines } from '../../data/lines'
import { type TextColumn, TextColumnBuilder } from '../../data/text-column'
import { DataError } from '../../errors'
import type { LabelSegment } from '../quality'

const columns = ['path', 'start', 'end', 'label'] as const

/** Alignments of many recordings, kept as columns: some 20 bytes a segment. */
export class SegmentTable {
  /** Where each recording's segments begin, and how many there are of it. */
  readonly #places: ReadonlyMap<string, readonly [first: number, count: number]>
  readonly #starts: Float64Array
  readonly #ends: Float64Array
  readonly #labels: TextColumn

  /** @internal Use {@link readSegmentTable}. */
  constructor(
    places: ReadonlyMap<string, readonly [number, number]>,
    starts: Float64Array,
    ends: Float64Array,
    labels: TextColumn,
  ) {
    this.#places = places
    this.#starts = starts
    this.#ends = ends
    this.#labels = labels
  }

  /** What the file calls its recordings. */
  get recordings(): Iterable<string> {
    return this.#places.keys()
  }

  segments(recording: string): LabelSegment[] {
    const [first, count] = this.#places.get(recording) ?? [0, 0]
    return Array.from({ length: count }, (_, i) => ({
      start: this.#starts[first + i]!,
      end: this.#ends[first + i]!,
      label: this.#labels.at(first + i) ?? '',
    }))
  }
}

/**
 * Reads alignments of many recordings from a tab-separated file whose first line names the columns `path`, `start`, `end` and `label`: a
 * segment a line, times in seconds, the lines of a recording one after the other.
 *
 * @throws DataError naming file and line for what is no segment.
 */
export const readSegmentTable = async (source: ByteSource): Promise<SegmentTable> => {
  const file = typeof source === 'string' ? source : source.file
  const places = new Map<string, [number, number]>()
  const [starts, ends] = [0, 1].map(() => new Growable((length) => new Float64Array(length)))
  const labels = new TextColumnBuilder()
  let order: number[] | undefined
  let current = ''
  const refuse = (line: number, message: string, cure?: string): never => {
    throw new DataError(message, { file: `${file}:${line}`, ...(cure !== undefined && { cure }) })
  }
  await scanLines(
    source,
    (bytes, from, to, line) => {
      const cells = bytes.toString('utf8', from, to).split('\t')
      if (!order) {
        order = columns.map((name) => cells.indexOf(name))
        const missing = columns.filter((_, i) => order![i]! < 0)
        if (missing.length > 0) {
          refuse(line, `the first line names no column ${missing.join(', ')}.`, `Begin with ${columns.join('<TAB>')}.`)
        }
        return
      }
      if (from === to) return
      const [path = '', startText, endText, label] = order.map((column) => cells[column])
      const [start, end] = [secondsOf(startText), secondsOf(endText)]
      if (path === '' || start === undefined || end === undefined || label === undefined) {
        return refuse(line, 'a line has a path, a start and an end in seconds, and a label.', 'Put tabs between them.')
      }
      if (end < start) refuse(line, `the segment ends at ${end}, before it begins at ${start}.`)
      const place = places.get(path)
      if (place && path !== current) {
        refuse(line, `"${path}" has segments further up, too.`, 'Sort the lines by path.')
      }
      if (place) place[1]++
      else places.set(path, [starts!.length, 1])
      current = path
      starts!.push(start)
      ends!.push(end)
      labels.push(label)
    },
    { onFault: ({ line, message }) => refuse(line, message) },
  )
  return new SegmentTable(places, starts!.finish(), ends!.finish(), labels.finish())
}

/** A time of 0 or more; undefined for anything else. */
const secondsOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))
    ? Number(text)
    : undefined
