import { posix, resolve } from 'node:path'
import { DataError } from '../errors'
import type { Clip } from './clip'
import { Growable } from './growable'
import { type TextColumn, TextColumnBuilder } from './text-column'

/** Lines that were left out of a manifest. */
export interface SkippedLines {
  readonly count: number
  /** The first few, as `file:line: reason`. */
  readonly first: readonly string[]
}

/** A manifest's columns, each in a few large arrays. */
export interface ManifestColumns {
  /** The folder that relative paths start from, absolute. */
  readonly root: string
  /** Each path's folder (with its slash) and name: folders repeat. */
  readonly folders: TextColumn
  readonly names: TextColumn
  /** `noNumber` where a row has none. */
  readonly samples?: Uint32Array
  /** NaN where a row has none. */
  readonly offset?: Float64Array
  readonly bytes?: Float64Array
  /** `text`, `speaker`, `split` and the columns of other names. */
  readonly texts: ReadonlyMap<string, TextColumn>
}

export const noNumber = 0xffffffff
/** Keys of {@link Clip} that are columns of numbers. */
export const numberColumns = ['samples', 'offset', 'bytes'] as const
const clipTexts = ['speaker', 'text', 'split'] as const

/**
 * A list of recordings, kept as columns: about 50 bytes a line where an object a line would take 500. Rows are made into
 * {@link Clip}s as they are asked for; selections share the columns.
 */
export class Manifest implements Iterable<Clip> {
  /** Named in errors. */
  readonly file: string
  readonly skipped: SkippedLines
  readonly #columns: ManifestColumns
  readonly #rows: Uint32Array | undefined
  /** Which of the file's entries each row of the columns was, where lines were skipped. */
  readonly #entries: Uint32Array | undefined
  readonly #entryCount: number

  constructor(
    file: string,
    columns: ManifestColumns,
    options: { skipped?: SkippedLines; rows?: Uint32Array; entries?: Uint32Array; entryCount?: number } = {},
  ) {
    this.file = file
    this.skipped = options.skipped ?? { count: 0, first: [] }
    this.#columns = columns
    this.#rows = options.rows
    this.#entries = options.entries
    this.#entryCount = options.entryCount ?? columns.names.length
  }

  get length(): number {
    return this.#rows?.length ?? this.#columns.names.length
  }

  /** Memory that the columns hold, in bytes. */
  get byteLength(): number {
    const { folders, names, samples, offset, bytes, texts } = this.#columns
    const arrays = [folders, names, samples, offset, bytes, ...texts.values(), this.#rows, this.#entries]
    return arrays.reduce((sum, column) => sum + (column?.byteLength ?? 0), 0)
  }

  /** Names of the columns that are not empty throughout, `path` first. */
  get columns(): string[] {
    return ['path', ...numberColumns.filter((name) => this.#columns[name]), ...this.#columns.texts.keys()]
  }

  /** Absolute path of a row's file. */
  path(index: number): string {
    const row = this.#row(index)
    const { root, folders, names } = this.#columns
    return resolve(root, `${folders.at(row) ?? ''}${names.at(row)}`)
  }

  /** Length of a row's recording in samples, where the manifest says it. */
  samples(index: number): number | undefined {
    const samples = this.#columns.samples?.[this.#row(index)]
    return samples === noNumber ? undefined : samples
  }

  /** The value of a column of texts: `text`, `speaker`, `split` or any other of the file. */
  field(index: number, name: string): string | undefined {
    return this.#columns.texts.get(name)?.at(this.#row(index))
  }

  text(index: number): string | undefined {
    return this.field(index, 'text')
  }

  /** @throws RangeError for a row that is not there. */
  clip(index: number): Clip {
    const row = this.#row(index)
    const { offset, bytes, texts } = this.#columns
    const clip: { -readonly [Key in keyof Clip]: Clip[Key] } = { path: this.path(index) }
    for (const name of clipTexts) {
      const value = texts.get(name)?.at(row)
      if (value !== undefined) clip[name] = value
    }
    const samples = this.samples(index)
    if (samples !== undefined) clip.samples = samples
    const [start, size] = [offset?.[row] ?? Number.NaN, bytes?.[row] ?? Number.NaN]
    if (!Number.isNaN(start)) clip.offset = start
    if (!Number.isNaN(size)) clip.bytes = size
    const fields = [...texts].flatMap(([name, column]) => {
      const value = (clipTexts as readonly string[]).includes(name) ? undefined : column.at(row)
      return value === undefined ? [] : [[name, value] as const]
    })
    if (fields.length > 0) clip.fields = Object.fromEntries(fields)
    return clip
  }

  *[Symbol.iterator](): IterableIterator<Clip> {
    for (let index = 0; index < this.length; index++) yield this.clip(index)
  }

  /** The rows that a condition holds for, in order; the columns are shared. */
  select(condition: (index: number) => boolean): Manifest {
    const rows = new Growable((length) => new Uint32Array(length))
    for (let index = 0; index < this.length; index++) if (condition(index)) rows.push(this.#row(index))
    return this.#with({ rows: rows.finish() })
  }

  /** The rows of one split. @throws DataError when there is none. */
  split(name: string): Manifest {
    const part = this.select((index) => this.field(index, 'split') === name)
    if (part.length > 0) return part
    throw new DataError(`it has no clips of the split "${name}".`, {
      file: this.file,
      field: 'split',
      cure: 'Name each clip train, valid or test in the column "split".',
    })
  }

  /**
   * The same list with a column more, or another one, that has a value for each entry of the manifest's file, lines that were skipped
   * included: how label files are joined.
   *
   * @param source Named when the counts differ.
   * @throws DataError when the counts differ.
   */
  withColumn(name: string, column: TextColumn, source: string): Manifest {
    if (column.length !== this.#entryCount) {
      throw new DataError(
        `${column.length} lines, but the manifest ${this.file} has ${this.#entryCount} entries: there must be one line for each.`,
        { file: source, cure: 'Make both again together.' },
      )
    }
    const entries = this.#entries
    const joined: TextColumn = entries
      ? { length: entries.length, byteLength: column.byteLength, at: (row) => column.at(entries[row]!) }
      : column
    const texts = new Map(this.#columns.texts).set(name, joined)
    return new Manifest(this.file, { ...this.#columns, texts }, this.#state())
  }

  #with(change: { rows: Uint32Array }): Manifest {
    return new Manifest(this.file, this.#columns, { ...this.#state(), ...change })
  }

  #state() {
    return {
      skipped: this.skipped,
      entryCount: this.#entryCount,
      ...(this.#rows ? { rows: this.#rows } : {}),
      ...(this.#entries ? { entries: this.#entries } : {}),
    }
  }

  #row(index: number): number {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length)) {
      throw new RangeError(`${this.file} has no entry ${index}: it has ${this.length}.`)
    }
    return this.#rows?.[index] ?? index
  }
}

/** Columns of texts that a manifest may have; a file with more is no list of recordings. */
const mostColumns = 64

/** One entry on its way into the columns; `texts` holds what is not a number. */
export interface ManifestEntry {
  readonly path: string
  readonly samples?: number
  readonly offset?: number
  readonly bytes?: number
  readonly texts?: Iterable<readonly [name: string, value: string]>
}

/** Collects entries into columns. */
export class ManifestBuilder {
  readonly #root: string
  readonly #folders = new TextColumnBuilder()
  readonly #names = new TextColumnBuilder(true)
  readonly #texts = new Map<string, TextColumnBuilder>()
  readonly #samples = new Growable((length) => new Uint32Array(length))
  readonly #offset = new Growable((length) => new Float64Array(length))
  readonly #bytes = new Growable((length) => new Float64Array(length))

  /** @param root Absolute. */
  constructor(root: string) {
    this.#root = root
  }

  get length(): number {
    return this.#names.length
  }

  /** @throws DataError when there would be too many columns. */
  push({ path, samples, offset, bytes, texts = [] }: ManifestEntry): void {
    const row = this.length
    const values = [...texts]
    const added = values.filter(([name]) => !this.#texts.has(name)).length
    if (added > 0 && this.#texts.size + added > mostColumns) {
      throw new DataError(`it would have ${this.#texts.size + added} columns, more than ${mostColumns}.`)
    }
    const name = posix.basename(path)
    this.#folders.push(path.slice(0, path.length - name.length))
    this.#names.push(name)
    this.#samples.push(samples ?? noNumber)
    // These two are for shards; other manifests do without.
    if (offset !== undefined || this.#offset.length > 0) pushLate(this.#offset, row, offset)
    if (bytes !== undefined || this.#bytes.length > 0) pushLate(this.#bytes, row, bytes)
    for (const [name, value] of values) {
      let column = this.#texts.get(name)
      if (!column) {
        column = new TextColumnBuilder()
        this.#texts.set(name, column)
      }
      while (column.length < row) column.push(undefined)
      column.push(value)
    }
  }

  finish(): ManifestColumns {
    const rows = this.length
    for (const column of this.#texts.values()) while (column.length < rows) column.push(undefined)
    const samples = this.#samples.finish()
    return {
      root: this.#root,
      folders: this.#folders.finish(),
      names: this.#names.finish(),
      ...(samples.every((value) => value === noNumber) ? {} : { samples }),
      ...(this.#offset.length > 0 ? { offset: this.#offset.finish() } : {}),
      ...(this.#bytes.length > 0 ? { bytes: this.#bytes.finish() } : {}),
      texts: new Map([...this.#texts].map(([name, column]) => [name, column.finish()])),
    }
  }
}

const pushLate = (column: Growable<Float64Array>, row: number, value = Number.NaN): void => {
  while (column.length < row) column.push(Number.NaN)
  column.push(value)
}
